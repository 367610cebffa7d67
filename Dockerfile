# The whet command in an image:
#
#   docker build --tag whet .
#   docker run --rm -v whet:/data -e WHET_ADMIN_KEY -p 127.0.0.1:8321:8321 whet
#   docker run --rm -v whet:/data --no-healthcheck whet worker
#   docker run --rm -v whet:/data --no-healthcheck -v "$PWD:/work:ro" whet optimize task.yaml
#
# The first one serves. It needs WHET_ADMIN_KEY, 16 characters or more, or a key that is in the volume already: in a
# container it listens on all addresses, and there whet refuses to start without a key. compose.yaml has the rest.
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS base
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

FROM base AS wheel
WORKDIR /source
COPY . .
RUN pip wheel --no-deps --wheel-dir /wheels .

FROM base
# The user owns nothing but /data. Its number is written out below, so that Kubernetes can tell that it is not root.
RUN groupadd --gid 10001 whet \
    && useradd --uid 10001 --gid whet --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin whet \
    && install --directory --owner=whet --group=whet --mode=0700 /data

# A layer that changes with the lock only.
RUN --mount=type=bind,source=requirements.lock,target=/tmp/requirements.lock \
    pip install --require-hashes --requirement /tmp/requirements.lock

RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-deps /wheels/*.whl

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    WHET_HOME=/data

# A SQLite database and the locks beside it: they belong on a local disk, not on a network file system.
VOLUME /data
WORKDIR /work
USER 10001:10001
EXPOSE 8321

# The image has no curl. A proxy that the environment names is for the way to a provider, not for this.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import ProxyHandler, build_opener; build_opener(ProxyHandler({})).open('http://127.0.0.1:8321/healthz', timeout=4)"]

ENTRYPOINT ["whet"]
CMD ["serve", "--host", "0.0.0.0"]
