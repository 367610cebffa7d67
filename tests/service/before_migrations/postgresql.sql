-- A home on a server as whet left it before it had migrations (layout 2): an optimization of 40 calls on 60 tickets of
-- tests/end_to_end/tickets.py, an evaluation of 30 calls and an API key for "ci", then pg_dump --inserts --no-owner --no-privileges without its settings. Never to be changed.
CREATE TABLE public.api_keys (
    id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    digest text NOT NULL COLLATE pg_catalog."C",
    scopes json NOT NULL,
    created_at text NOT NULL COLLATE pg_catalog."C",
    revoked_at text COLLATE pg_catalog."C"
);
CREATE TABLE public.batch_requests (
    key bytea NOT NULL,
    batch text NOT NULL
);
CREATE TABLE public.batches (
    id text NOT NULL,
    run text NOT NULL,
    mark bigint NOT NULL,
    endpoint text NOT NULL,
    model text NOT NULL,
    batch_id text,
    begun_at_s double precision NOT NULL,
    asked_at_s double precision
);
CREATE TABLE public.decisions (
    optimization text NOT NULL COLLATE pg_catalog."C",
    point text NOT NULL COLLATE pg_catalog."C",
    fact json NOT NULL
);
CREATE TABLE public.idempotency_keys (
    owner text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    body_digest text NOT NULL COLLATE pg_catalog."C",
    optimization text COLLATE pg_catalog."C",
    created_at text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.label_moves (
    sequence integer NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    label text NOT NULL COLLATE pg_catalog."C",
    version integer NOT NULL,
    replaced integer,
    why text NOT NULL COLLATE pg_catalog."C",
    moved_by text NOT NULL COLLATE pg_catalog."C",
    created_at text NOT NULL COLLATE pg_catalog."C"
);
CREATE SEQUENCE public.label_moves_sequence_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.label_moves_sequence_seq OWNED BY public.label_moves.sequence;
CREATE TABLE public.ledger (
    sequence bigint NOT NULL,
    created_at bigint NOT NULL,
    cost_usd double precision,
    latency_s double precision NOT NULL,
    project integer NOT NULL,
    epoch integer NOT NULL,
    endpoint integer NOT NULL,
    model integer NOT NULL,
    prompt_digest integer NOT NULL,
    example_id integer NOT NULL,
    repeat integer NOT NULL,
    prompt_tokens integer NOT NULL,
    completion_tokens integer NOT NULL,
    cached_tokens integer NOT NULL,
    lost_attempts integer NOT NULL,
    truncated boolean NOT NULL,
    key bytea NOT NULL,
    failure text,
    text text,
    packed bytea
);
CREATE SEQUENCE public.ledger_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.ledger_sequence_seq OWNED BY public.ledger.sequence;
CREATE TABLE public.ledger_texts (
    number integer NOT NULL,
    text text NOT NULL
);
CREATE SEQUENCE public.ledger_texts_number_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.ledger_texts_number_seq OWNED BY public.ledger_texts.number;
CREATE TABLE public.looks (
    test_digest text NOT NULL COLLATE pg_catalog."C",
    look text NOT NULL COLLATE pg_catalog."C",
    number integer NOT NULL,
    created_at text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.optimization_events (
    optimization text NOT NULL COLLATE pg_catalog."C",
    sequence integer NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    data json NOT NULL,
    created_at text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.optimizations (
    id text NOT NULL COLLATE pg_catalog."C",
    identity text NOT NULL COLLATE pg_catalog."C",
    epoch_number integer NOT NULL,
    task text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    ledger_mark bigint,
    spec json NOT NULL,
    request json,
    progress json,
    result json,
    error text COLLATE pg_catalog."C",
    created_at text NOT NULL COLLATE pg_catalog."C",
    updated_at text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.prompt_labels (
    name text NOT NULL COLLATE pg_catalog."C",
    label text NOT NULL COLLATE pg_catalog."C",
    version integer NOT NULL
);
CREATE TABLE public.prompt_versions (
    name text NOT NULL COLLATE pg_catalog."C",
    version integer NOT NULL,
    digest text NOT NULL COLLATE pg_catalog."C",
    prompt json NOT NULL,
    evidence json,
    created_at text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.searched_data (
    data text NOT NULL COLLATE pg_catalog."C",
    inputs bytea NOT NULL,
    answers bytea NOT NULL,
    rows bytea NOT NULL
);
CREATE TABLE public.searches (
    optimization text NOT NULL COLLATE pg_catalog."C",
    answers text NOT NULL COLLATE pg_catalog."C",
    data text NOT NULL COLLATE pg_catalog."C",
    inherited json NOT NULL,
    model text NOT NULL COLLATE pg_catalog."C",
    created_at text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.whet_layout (
    layout integer NOT NULL
);
CREATE SEQUENCE public.whet_layout_layout_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.whet_layout_layout_seq OWNED BY public.whet_layout.layout;
ALTER TABLE ONLY public.label_moves ALTER COLUMN sequence SET DEFAULT nextval('public.label_moves_sequence_seq'::regclass);
ALTER TABLE ONLY public.ledger ALTER COLUMN sequence SET DEFAULT nextval('public.ledger_sequence_seq'::regclass);
ALTER TABLE ONLY public.ledger_texts ALTER COLUMN number SET DEFAULT nextval('public.ledger_texts_number_seq'::regclass);
ALTER TABLE ONLY public.whet_layout ALTER COLUMN layout SET DEFAULT nextval('public.whet_layout_layout_seq'::regclass);
INSERT INTO public.api_keys VALUES ('key-639744b9', 'ci', 'ad003ba5a09dba3b9f25c148fd82d1253bbf84725be39a766c90d9abde3d115e', '["admin"]', '2026-11-21T21:36:51.644+00:00', NULL);
INSERT INTO public.decisions VALUES ('opt-c5899c041c12', 'warm start', '{"prompts": [], "data": [], "kept_out": {}}');
INSERT INTO public.decisions VALUES ('opt-c5899c041c12', 'block 1 intent', '{"calls": 4, "cells": "652e2af4b3282b78"}');
INSERT INTO public.decisions VALUES ('opt-c5899c041c12', 'block 1', '{"elapsed_s": 0.154027425996901, "missing": {}}');
INSERT INTO public.decisions VALUES ('opt-c5899c041c12', 'block 2 intent', '{"calls": 4, "cells": "fe293eaaeaca265a"}');
INSERT INTO public.decisions VALUES ('opt-c5899c041c12', 'block 2', '{"elapsed_s": 0.20831568599533057, "missing": {}}');
INSERT INTO public.decisions VALUES ('opt-c5899c041c12', 'block 3 intent', '{"calls": 5, "cells": "74644880ea4151f8"}');
INSERT INTO public.decisions VALUES ('opt-c5899c041c12', 'block 3', '{"elapsed_s": 0.22059527300007176, "missing": {}}');
INSERT INTO public.decisions VALUES ('opt-c5899c041c12', 'block 4 intent', '{"calls": 6, "cells": "a682ef4cdc688b39"}');
INSERT INTO public.decisions VALUES ('opt-c5899c041c12', 'block 4', '{"elapsed_s": 0.23284452599909855, "missing": {}}');
INSERT INTO public.decisions VALUES ('opt-c5899c041c12', 'block 5 intent', '{"calls": 20, "cells": "2911a0f48d5629b6"}');
INSERT INTO public.decisions VALUES ('opt-c5899c041c12', 'block 5', '{"elapsed_s": 0.29448820899415296, "missing": {}}');
INSERT INTO public.decisions VALUES ('opt-c5899c041c12', 'look', '{"look": 1}');
INSERT INTO public.label_moves VALUES (1, 'support-triage', 'production', 1, NULL, 'the first prompt of this name', 'opt-c5899c041c12', '2026-11-21T21:36:46.501+00:00');
INSERT INTO public.ledger VALUES (1, 1795297006301, 0, 0.014447692003159318, 5, 1, 8, 7, 4, 2, 0, 42, 2, 0, 0, false, '\x836586c6681d376287af22a186f65699d601bc149baff88d251744cfd4f90fef', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (2, 1795297006301, 0, 0.014554903005773667, 5, 1, 8, 7, 6, 3, 0, 276, 2, 0, 0, false, '\x8f5c5920124d3f7c53f619982ee2a81b06b7dca4019330e14c7981e06617fa58', NULL, 'orders', NULL);
INSERT INTO public.ledger VALUES (3, 1795297006301, 0, 0.02078121499653207, 5, 1, 8, 7, 4, 3, 0, 45, 2, 16, 0, false, '\xa84ea4b76321cb06f5629b51055b9e0e164758e070246c3670d38bb1a968a074', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (4, 1795297006301, 0, 0.014487883003312163, 5, 1, 8, 7, 6, 2, 0, 273, 2, 256, 0, false, '\xabefff14d89a63254e422243ca9d678ae0c5014e5e4287f6ba26979e379ef4a5', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (5, 1795297006363, 0, 0.0013763969982392155, 5, 1, 8, 7, 9, 3, 0, 186, 2, 16, 0, false, '\xf9e211215f1b3dad2da551b245dfb545ad03d38aba22f918c8181d927f8f1ba5', NULL, 'orders', NULL);
INSERT INTO public.ledger VALUES (6, 1795297006369, 0, 0.0014281940020737238, 5, 1, 8, 7, 11, 3, 0, 47, 2, 16, 0, false, '\x43a4c0782f2d95b7dd4a71b10d8464b6c8005548a27fa0a3d96c8d775a2790df', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (7, 1795297006369, 0, 0.0014662710018455982, 5, 1, 8, 7, 10, 3, 0, 192, 2, 0, 0, false, '\x5baa07f6ec0ae5d09b6dd848994b312455a2811e63bf609b1933f4f22fc43818', NULL, 'orders', NULL);
INSERT INTO public.ledger VALUES (8, 1795297006369, 0, 0.001297900998906698, 5, 1, 8, 7, 12, 3, 0, 171, 2, 0, 0, false, '\x69e236ea9b938368a17538ef752e420e69ddc4788dab5d952da7a76b8c37a9fe', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (9, 1795297006381, 0, 0.0018647840042831376, 5, 1, 8, 7, 6, 13, 0, 276, 2, 256, 0, false, '\x01ceacfb2f1145c2f2334320b114aa065fb15ae9dbc99fec82a6fb3fb2d24032', NULL, 'refunds', NULL);
INSERT INTO public.ledger VALUES (10, 1795297006383, 0, 0.0023027159986668266, 5, 1, 8, 7, 9, 13, 0, 186, 2, 160, 0, false, '\x2eb7755f9fc09e6fb96c1129bdfc3c502dcafeb9445ec60542e6f7602757b005', NULL, 'refunds', NULL);
INSERT INTO public.ledger VALUES (11, 1795297006383, 0, 0.0022979890054557472, 5, 1, 8, 7, 9, 2, 0, 183, 2, 160, 0, false, '\x9949ba0492e47e8ff6320a21cbae1ae63b498beb9aa54c154cbf5cabef3b52dd', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (12, 1795297006383, 0, 0.0023004919930826873, 5, 1, 8, 7, 10, 2, 0, 190, 2, 160, 0, false, '\x9dbff07ca39e784e08f5d5ee0e267b64cbfe6341b09805b996a69cc6f87037b9', NULL, 'orders', NULL);
INSERT INTO public.ledger VALUES (13, 1795297006383, 0, 0.002510846003133338, 5, 1, 8, 7, 10, 13, 0, 192, 2, 160, 0, false, '\xf60784d987bb06bac3ca12c6e383266f29aabf906a8f84fad6702904ab181466', NULL, 'refunds', NULL);
INSERT INTO public.ledger VALUES (14, 1795297006393, 0, 0.001739376995828934, 5, 1, 8, 7, 6, 14, 0, 275, 2, 256, 0, false, '\x8c5a1c936b2bfbde53874ba23c24ce438d3716fc8f2f16bed0dd5083e48da02e', NULL, 'refunds', NULL);
INSERT INTO public.ledger VALUES (15, 1795297006396, 0, 0.002081146005366463, 5, 1, 8, 7, 6, 15, 0, 275, 2, 256, 0, false, '\x1ed56e1ebc354c6cecdc0206bcafea2c28c88c3fbb39b996219ddad999c56b1d', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (16, 1795297006396, 0, 0.0020798840050701983, 5, 1, 8, 7, 9, 14, 0, 185, 2, 160, 0, false, '\x2bbb3395e99ab0960a25515bd1b7851bde5a7c930f905e6cf4808116477128b7', NULL, 'refunds', NULL);
INSERT INTO public.ledger VALUES (17, 1795297006396, 0, 0.00218892699922435, 5, 1, 8, 7, 9, 16, 0, 185, 2, 160, 0, false, '\x406f5b435ef5599435fb1ef8c0dfba6aeab461ab4c53182adf1c47244948821c', NULL, 'orders', NULL);
INSERT INTO public.ledger VALUES (18, 1795297006396, 0, 0.0018966610005008988, 5, 1, 8, 7, 6, 16, 0, 275, 2, 256, 0, false, '\x597e386bd690c3598f19b576863f34df857765b739ca2070d62592b3441e0445', NULL, 'orders', NULL);
INSERT INTO public.ledger VALUES (19, 1795297006396, 0, 0.0027390250033931807, 5, 1, 8, 7, 9, 15, 0, 185, 2, 160, 0, false, '\xcc9c80271367d9f97b591f3ca7f92927584027ec6750fc8529852e97f096967d', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (20, 1795297006418, 0, 0.006366581001202576, 5, 1, 8, 7, 6, 17, 0, 275, 2, 256, 0, false, '\x2886b0cca7a9c61bc540d03bb101e323aecd62c6b5fe38b8493647a67b904b9f', NULL, 'refunds', NULL);
INSERT INTO public.ledger VALUES (21, 1795297006422, 0, 0.008026239993341733, 5, 1, 8, 7, 4, 20, 0, 44, 2, 16, 0, false, '\x0eada93488c9fd74da1669106556750d585535d83afbfca21fa4cba2028c328e', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (22, 1795297006422, 0, 0.008046230002946686, 5, 1, 8, 7, 4, 18, 0, 45, 2, 16, 0, false, '\x1e3997073b975edcd51511e808a4a71f189f4cdd42c1df02264a473a4ac944cc', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (23, 1795297006422, 0, 0.00800650999735808, 5, 1, 8, 7, 4, 24, 0, 45, 2, 16, 0, false, '\x303179208548e4cf7a43bf3479b85baf5c36c0b950b77ca8b898022c95bbb49a', NULL, 'refunds', NULL);
INSERT INTO public.ledger VALUES (24, 1795297006422, 0, 0.006609152005694341, 5, 1, 8, 7, 6, 24, 0, 276, 2, 256, 0, false, '\x6192acef3e6e798b875f96e49d7c7a3efed808303957f079a1b368d5ffdb7242', NULL, 'refunds', NULL);
INSERT INTO public.ledger VALUES (25, 1795297006422, 0, 0.007589159999042749, 5, 1, 8, 7, 6, 26, 0, 275, 2, 256, 0, false, '\x6e9246ea98be83a2c467fd4cfd07c6d26ececf27b1656c6492ae4a6ef2014823', NULL, 'orders', NULL);
INSERT INTO public.ledger VALUES (26, 1795297006422, 0, 0.008044176996918395, 5, 1, 8, 7, 4, 19, 0, 45, 2, 16, 0, false, '\x887c3541adc703ee4b1996d8aff8a20eeb110dc3643da76e958aeec4848414ea', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (27, 1795297006422, 0, 0.008013601996935904, 5, 1, 8, 7, 4, 25, 0, 44, 2, 16, 0, false, '\x935e8c1f150c0cb9a0c9415db529a931ba5675e9d7bf03f766abcba665a70c81', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (28, 1795297006422, 0, 0.0069505490027950145, 5, 1, 8, 7, 6, 25, 0, 275, 2, 256, 0, false, '\x94c733350d7381b93164e73a0c84fcc0e2359931c3f834379571580e0a65fcea', NULL, 'orders', NULL);
INSERT INTO public.ledger VALUES (29, 1795297006422, 0, 0.008074552002653945, 5, 1, 8, 7, 6, 22, 0, 275, 2, 256, 0, false, '\xa2317e96fc785c2020d414f9bd2566b3dbe5972a4ac1861d5230522172349684', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (30, 1795297006422, 0, 0.007637382004759274, 5, 1, 8, 7, 6, 23, 0, 275, 2, 256, 0, false, '\xaad92171342bf2e0695a7f5873fe35d1cb89c40235ffcfecf4628a679bafb49e', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (31, 1795297006422, 0, 0.00639239999873098, 5, 1, 8, 7, 6, 18, 0, 276, 2, 256, 0, false, '\xcd6db5224e1a5588ce3904153e2c71fdc419c64c083ce4eef872f6e5ace734c0', NULL, 'orders', NULL);
INSERT INTO public.ledger VALUES (32, 1795297006422, 0, 0.0066120660048909485, 5, 1, 8, 7, 6, 20, 0, 275, 2, 256, 0, false, '\xd2c7abc5a025d06353edb9f0dda0caab849ac34047afa1f4a69b2d79f9b303cb', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (33, 1795297006422, 0, 0.006628301001910586, 5, 1, 8, 7, 6, 19, 0, 276, 2, 256, 0, false, '\xd8f847180bcfb3f8416f55f7d2a3cf461bd83786c06fb11e84877c37590e3d20', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (34, 1795297006422, 0, 0.008070586001849733, 5, 1, 8, 7, 4, 17, 0, 44, 2, 16, 0, false, '\xef837021e8b08e44db177c330e53408e08481d649abd2b71071973fbf0b953a6', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (35, 1795297006422, 0, 0.0077515810044133104, 5, 1, 8, 7, 6, 21, 0, 275, 2, 256, 0, false, '\xf2916e24cb3ac63ecb3b2df4226b51c77bdb2ad8c83008c8ad0f423fdd58c45e', NULL, 'refunds', NULL);
INSERT INTO public.ledger VALUES (36, 1795297006458, 0, 0.03552667000622023, 5, 1, 8, 7, 4, 21, 0, 44, 2, 16, 0, false, '\x262feb9fb397b5369017aa2467c2dcc7bed7b2b87bf8d77fafa21659d4620d08', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (37, 1795297006459, 0, 0.03273138200165704, 5, 1, 8, 7, 4, 22, 0, 44, 2, 16, 0, false, '\x0f3e8c9e3b9b42d93216f9a6e6b734a383bea639371027244fe416fd2c0b1921', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (38, 1795297006459, 0, 0.03274835800402798, 5, 1, 8, 7, 4, 26, 0, 44, 2, 16, 0, false, '\xc3f2598289b05fbe0b4b7cc843f6b20ace567cce758d55ddbc1e6c967fc5499a', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (39, 1795297006459, 0, 0.03284344900021097, 5, 1, 8, 7, 4, 23, 0, 44, 2, 16, 0, false, '\xd7180a2e1306e04530ebd3ee4b507f07375abe32519f6603f3247d396e850301', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (40, 1795297009905, 0, 0.007411165002849884, 5, 1, 8, 7, 4, 13, 0, 45, 2, 16, 0, false, '\xb57bda4b1e147defc0799ed6e9128ffd8f5cbba805fd0c7ce90e03a432244e9c', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (41, 1795297009918, 0, 0.015367580999736674, 5, 1, 8, 7, 4, 45, 0, 42, 2, 16, 0, false, '\x100eee1db642536a71471b0afd91484635663941e3b415fab0a5f1e92ebd4bea', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (42, 1795297009918, 0, 0.01549351800349541, 5, 1, 8, 7, 4, 41, 0, 43, 2, 16, 0, false, '\x339251ee961a65bd238a13fbb63a6e48a4ef9f26224493370fce5de348b8dba9', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (43, 1795297009918, 0, 0.015424686003825627, 5, 1, 8, 7, 4, 42, 0, 44, 2, 16, 0, false, '\x33930729c85d0c05a030ab2d8a91cfbf6d5579ad224c0435c872774e768ded5e', NULL, 'refunds', NULL);
INSERT INTO public.ledger VALUES (44, 1795297009918, 0, 0.015028055997390766, 5, 1, 8, 7, 4, 36, 0, 44, 2, 16, 0, false, '\x42caef894c4de63388a464b86423d37f35689b9f16157e51e081d66eb495648b', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (45, 1795297009918, 0, 0.015217988002405036, 5, 1, 8, 7, 4, 33, 0, 46, 2, 16, 0, false, '\x4c70edf30896e7ee390d7ad2534006f388113e4993bb58b8e916a35226a799e5', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (46, 1795297009918, 0, 0.014994787001342047, 5, 1, 8, 7, 4, 43, 0, 45, 2, 16, 0, false, '\x6292dd92f171fe8708134ea81a4640c32d5898588e527135512083f61a709137', NULL, 'refunds', NULL);
INSERT INTO public.ledger VALUES (47, 1795297009918, 0, 0.015050850000989158, 5, 1, 8, 7, 4, 39, 0, 44, 2, 16, 0, false, '\x68b32577a264da95850b170ab884adc9704e05bcbe464124c9acf884f80389b6', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (48, 1795297009918, 0, 0.015477865003049374, 5, 1, 8, 7, 4, 37, 0, 44, 2, 16, 0, false, '\x8ec4e9b3d428eb88b803e508c127796b2a2d9c59893d5fcf9097f9fc2fb0b0a8', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (49, 1795297009918, 0, 0.014960775995859876, 5, 1, 8, 7, 4, 35, 0, 44, 2, 16, 0, false, '\x94dda93c7903dccb80be788a553a1af9e2e8ab1b3df6d94cb34568ef0e022980', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (50, 1795297009918, 0, 0.0151354560002801, 5, 1, 8, 7, 4, 40, 0, 44, 2, 16, 0, false, '\x9d6a503e6e3e316a01bd37d5dc1cf41e4e199c851b07b3207642c5ab0af05d6e', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (51, 1795297009918, 0, 0.015317427001718897, 5, 1, 8, 7, 4, 15, 0, 44, 2, 16, 0, false, '\xa663046d3d976cc42f1f06d6b2ec14bd0bda7c2709dc714df3c92d87aab35ad0', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (52, 1795297009918, 0, 0.014932953999959864, 5, 1, 8, 7, 4, 38, 0, 43, 2, 16, 0, false, '\xa75d6d4f7645284faf20fe20e71f3fc0c4666dc223fb3fd8413c89d3be7fa6b5', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (53, 1795297009918, 0, 0.015281462998245843, 5, 1, 8, 7, 4, 46, 0, 46, 2, 16, 0, false, '\xca5301f7703073c81d1703ac5961bd48767c61656e1c2a8750b5064efeb60ba3', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (54, 1795297009918, 0, 0.015169986996625084, 5, 1, 8, 7, 4, 14, 0, 44, 2, 16, 0, false, '\xda52d85af1cc5835f93380cc621b19ef25149de365dc818ed76c6b4f0d61be28', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (55, 1795297009918, 0, 0.01509355400048662, 5, 1, 8, 7, 4, 16, 0, 44, 2, 16, 0, false, '\xf5a06de0c892fdf9f1de5f89adb621a495bc742996777975e6165f1bfa63ddfe', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (56, 1795297009929, 0, 0.002685984996787738, 5, 1, 8, 7, 4, 48, 0, 45, 2, 16, 0, false, '\xfcb197d53eb15a66786109c3188f79721bb2d3e65b4e36905c099f774ebcae5f', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (57, 1795297009937, 0, 0.004501406001509167, 5, 1, 8, 7, 4, 49, 0, 45, 2, 16, 0, false, '\x385a866f073059ef4f09365f34946df8fc84e45c098f5387d5c592379e35f34b', NULL, 'refunds', NULL);
INSERT INTO public.ledger VALUES (58, 1795297009937, 0, 0.0017043360057868995, 5, 1, 8, 7, 4, 52, 0, 45, 2, 16, 0, false, '\xa57cdf471e6af1f16f057077af8da454b688bf5f9bb5a52333950dda1832b7be', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (59, 1795297009937, 0, 0.0015596299999742769, 5, 1, 8, 7, 4, 53, 0, 44, 2, 16, 0, false, '\xcada89250e9c79386bbd9f3162a2257e00c00da66184e2616c8333c05b54a397', NULL, 'billing', NULL);
INSERT INTO public.ledger VALUES (60, 1795297009937, 0, 0.0014369479977176525, 5, 1, 8, 7, 4, 50, 0, 45, 2, 16, 0, false, '\xcdba0391e1887aeed9ecd7d871297e335185abe33504e1cfc710975ef9eab4df', NULL, 'refunds', NULL);
INSERT INTO public.ledger VALUES (61, 1795297009937, 0, 0.0014808929990977049, 5, 1, 8, 7, 4, 51, 0, 46, 2, 16, 0, false, '\xfc2cb40bb514be8703f793e5767310b8a75b6902d6cbe441004df14f79851b10', NULL, 'billing', NULL);
INSERT INTO public.ledger_texts VALUES (1, '');
INSERT INTO public.ledger_texts VALUES (2, '0094910572d244116b0cf11f8002ecdb38a7ca355a8b13ccfb26bd5d8d10f0d7');
INSERT INTO public.ledger_texts VALUES (3, '0650b88f8c60932870dd8168a2eb3b80a5b8678144bccbab7c0619d50048a1bd');
INSERT INTO public.ledger_texts VALUES (4, '730b3dde00d61731d82931520bcee74b3bd4fc25e4d26b0c15202709f68dfef8');
INSERT INTO public.ledger_texts VALUES (5, 'default');
INSERT INTO public.ledger_texts VALUES (6, 'f1c8225b9c1ab26430512fd2741493596192a98b10b6c7badd41225c93923ab6');
INSERT INTO public.ledger_texts VALUES (7, 'local');
INSERT INTO public.ledger_texts VALUES (8, 'tickets');
INSERT INTO public.ledger_texts VALUES (9, '96cbf5c8f6724593c65feabeb6fad60fa4e81d1528d869e79b2ea61e50c69564');
INSERT INTO public.ledger_texts VALUES (10, '56f9506ef38f05e04a2540c7c02820fe53c1762425e97351f3ecba38bc861ffb');
INSERT INTO public.ledger_texts VALUES (11, '73e762175a7c8c1298bf30b24e54ccaaea8156e2f01b5ac5bc9fb3abc528da45');
INSERT INTO public.ledger_texts VALUES (12, '9f94c17d73e3cbd7a83302cc28a3ce1dc94a7247d0d4e0b5a10592315ccb8d69');
INSERT INTO public.ledger_texts VALUES (13, 'c632a4d181a28fe272c2e9db4a03ef9a86973de2de79bf8986043d7488d8302a');
INSERT INTO public.ledger_texts VALUES (14, 'f959281b308f3450434b2ba349799bb6aaa4d67d2179cf8fb699f4174ea588bc');
INSERT INTO public.ledger_texts VALUES (15, '0b56dc171d3978b250b94f84a03d5df7c0d9cf85048d2e8dee574eaa5b313fc0');
INSERT INTO public.ledger_texts VALUES (16, 'bb53b21a9bfec4243b809a2c0c104d40773e870f08c79bc655a246a82a0ad252');
INSERT INTO public.ledger_texts VALUES (17, '213e7f6c703bfacf7e2c2f6c1dc347b7eb6c56d51e088b8540a0f37bcdc110ef');
INSERT INTO public.ledger_texts VALUES (18, '012c2a91deb778d76162913548f485c0f5cadfe0b30260dcbb6c11f09d4c366a');
INSERT INTO public.ledger_texts VALUES (19, '257cc8584f6545f0dac6c0549eb39ec40f81653f3232d37460592edfab2a409b');
INSERT INTO public.ledger_texts VALUES (20, '3b24ae62b79a525dadc5ae334fc383fbd63ccdee321466c50cd0c2f4b47b71da');
INSERT INTO public.ledger_texts VALUES (21, '4d303e578288da34b2ae83011b80433d7f7f172b03b32c47fdea687f94b8d864');
INSERT INTO public.ledger_texts VALUES (22, '7c5ab5807cb052ececfae4cdc92a061cafeb1c86ffe3773a6fbd78e7eabba313');
INSERT INTO public.ledger_texts VALUES (23, '9dd67c6187748b221871fb6b29de8018ed292f73dc62e25d104f28fd091c4a4b');
INSERT INTO public.ledger_texts VALUES (24, 'b3e0debec5aa0704f43545d3e587556bd579897b1afb866de570365b2dc21870');
INSERT INTO public.ledger_texts VALUES (25, 'bb9d8e68978a818eae51f35df3db2b201fbbe332d15e83ff66a2d402cc283c36');
INSERT INTO public.ledger_texts VALUES (26, 'f8ab5ddb4d7f1ba562bdb392ee13245bd578a5f19d79465e3a6f368e84eb5146');
INSERT INTO public.ledger_texts VALUES (33, '0357f126ccaddce1c6054f9d4130c32cdf9bb726ca7f6fcdd5f13d1b9c9e17b3');
INSERT INTO public.ledger_texts VALUES (35, '2804e963f5778bf98d964147f004757716c87debcc885ddb49122483c0637fc1');
INSERT INTO public.ledger_texts VALUES (36, '38ab57c5e2b7ac3b73215309debbe5b19cbaf1acbbe3ddefa51a5b127c504a68');
INSERT INTO public.ledger_texts VALUES (37, '48b27c7cdaac25f63d20b12c67919c533e14307178cebba164d66d770e571c00');
INSERT INTO public.ledger_texts VALUES (38, '50a67cc31a131c11449f65a048c90f0259a8d1bf96afaaae7c0cb0e9209b91fa');
INSERT INTO public.ledger_texts VALUES (39, '58c5a197cacdbcbfaff0642c6e53a7b8902b9e02c24f928acff9ebfd769f5333');
INSERT INTO public.ledger_texts VALUES (40, '8afbea772ea5b63267f6a695b6aec28ad22af50db6355db1f8561f97c6d6d7f3');
INSERT INTO public.ledger_texts VALUES (41, 'a4e3c3fbfc09cbfe3d878efcec7c19073e7a8c18f892d8cb2c2a65d4bb693f5d');
INSERT INTO public.ledger_texts VALUES (42, 'b8dbe55cbc82f3e8735ee5eb82539f946eaaab85495fdf9158d6deed3fbfd868');
INSERT INTO public.ledger_texts VALUES (43, 'ba514e77c3dc7a505d1da520dd80313ae4fdb849735ab6fd4436befd42284195');
INSERT INTO public.ledger_texts VALUES (45, 'cba8efa1ac2fd5740d1684a72d13d965637d1ff74b7370a09f215a88f4bb1f0d');
INSERT INTO public.ledger_texts VALUES (46, 'e37fa1eaf2d8063319996babc1160f7e86f307f717ac39d74bba5daac1607066');
INSERT INTO public.ledger_texts VALUES (48, '40602647a64547543027ecc7a20beefa7e16dd631d1b46ac161b7e7989a5be25');
INSERT INTO public.ledger_texts VALUES (49, '1c3061464970203037fe883c82e0d6446e12e32ace526c11af0033e21a8dc159');
INSERT INTO public.ledger_texts VALUES (50, '6f313b9eb10e5ec3bd01efc2b9f4d28011a9634e48c4057611cf86ffe48dc95e');
INSERT INTO public.ledger_texts VALUES (51, '98ac87f628c47d77ab8ba2371b599bb88b17ce7837e0b7418063476b1eecdadc');
INSERT INTO public.ledger_texts VALUES (52, 'b2468f16271dc2fc9b087bb00ee44ded44c4f1613f6257d64525ad4fc0f88adf');
INSERT INTO public.ledger_texts VALUES (53, 'ca531912e62cad38d243291f01fd24cbfbc1d50bfbe1e57b842112861fae2dc0');
INSERT INTO public.looks VALUES ('96a27b6d1829c37363398f4b12d8de9ac07e2ad38aaddaf1d324c45904cb4147', 'f4d824fd05d17d141a4928a90b07f15d38e79d9865643bf3a78c9a016ee3cd48', 1, '2026-11-21T21:36:46.464+00:00');
INSERT INTO public.optimization_events VALUES ('opt-c5899c041c12', 1, 'phase', '{"phase": "headroom", "calls_planned": 4}', '2026-11-21T21:36:46.508+00:00');
INSERT INTO public.optimization_events VALUES ('opt-c5899c041c12', 2, 'log', '{"message": "Your prompt scores 0.50 on the first 2 rows, the best of the other prompts tried 1.00."}', '2026-11-21T21:36:46.508+00:00');
INSERT INTO public.optimization_events VALUES ('opt-c5899c041c12', 3, 'phase', '{"phase": "search", "calls_planned": 16}', '2026-11-21T21:36:46.508+00:00');
INSERT INTO public.optimization_events VALUES ('opt-c5899c041c12', 4, 'best', '{"score": 1.0, "low": 0.34238022750665303, "high": 1.0, "rows": 2, "prompt": "grammar, 8 demonstrations as chat turns, xml, user, Answer:", "candidates_alive": 6, "calls_done": 8}', '2026-11-21T21:36:46.508+00:00');
INSERT INTO public.optimization_events VALUES ('opt-c5899c041c12', 5, 'best', '{"score": 1.0, "low": 0.4385029682449546, "high": 1.0, "rows": 3, "prompt": "grammar, 8 demonstrations as chat turns, xml, user, Answer:", "candidates_alive": 3, "calls_done": 13}', '2026-11-21T21:36:46.508+00:00');
INSERT INTO public.optimization_events VALUES ('opt-c5899c041c12', 6, 'best', '{"score": 1.0, "low": 0.6096657120978346, "high": 1.0, "rows": 6, "prompt": "grammar, 8 demonstrations as chat turns, xml, user, Answer:", "candidates_alive": 2, "calls_done": 19}', '2026-11-21T21:36:46.508+00:00');
INSERT INTO public.optimization_events VALUES ('opt-c5899c041c12', 7, 'phase', '{"phase": "finalists", "calls_planned": 1}', '2026-11-21T21:36:46.508+00:00');
INSERT INTO public.optimization_events VALUES ('opt-c5899c041c12', 8, 'phase', '{"phase": "proof", "calls_planned": 20}', '2026-11-21T21:36:46.508+00:00');
INSERT INTO public.optimization_events VALUES ('opt-c5899c041c12', 9, 'done', '{"status": "succeeded"}', '2026-11-21T21:36:46.527+00:00');
INSERT INTO public.optimizations VALUES ('opt-c5899c041c12', '45f937b928fccbe8145d5b12c92370060aeb37ee01f1645ceb1e1cd8a74e7def', 0, 'support-triage', 'succeeded', 0, '{"name": "support-triage", "description": "Route a support message to the team that can solve it.", "inputs": ["message"], "output": "team", "data": {"path": "tickets.csv", "train": null, "validation": null, "test": null}, "split": {"train": 0.2, "validation": 0.4, "test": 0.4, "seed": 0, "near_duplicates": "warn"}, "labels": null, "metric": "accuracy", "prompt": {"instruction": "Which team should handle this message? Answer only with one of: billing, orders, refunds.", "messages": null, "delimiters": null, "placement": null, "answer_marker": null}, "candidates": null, "search": {"proposers": null, "demonstrations": {"count": null, "style": null, "selector": null}, "delimiters": null, "placement": null, "answer_marker": null, "reasoning": ["off"], "temperature": null, "max_tokens": null, "sampler": "posterior"}, "model": {"name": "hosted_vllm/local", "api_base": "http://127.0.0.1:33727/v1", "api_key_env": null, "identity": "tickets", "parameters": {}, "max_concurrency": 16, "timeout_s": 120.0, "outage_s": 600.0, "hedge": false, "prices": null, "batch": false, "special_tokens": null}, "proposer_model": null, "judge_model": null, "headroom": {"repeats": null, "stop": true}, "proof": {"sequential": false}, "budget": {"calls": 40, "tokens": null, "usd": null, "seconds": null}, "objective": {"maximize": "score", "within": null}, "constraints": {"must_contain": [], "must_not_contain": [], "max_prompt_tokens": null, "protected": []}, "slices": [], "promote": {"label": "production", "when": "proven", "non_inferiority": null}, "warm_start": true, "seed": 0}', NULL, '{"phase": "proof", "calls_done": 39, "calls_planned": 39, "rate_per_s": 129.15, "eta_s": 0.0, "seconds": 0.3, "concurrency": 16, "missing": 0, "format_failures": 0, "cached_tokens": 5168, "caps": {"calls": 40, "tokens": null, "usd": null, "seconds": null}, "spent": {"calls": 39, "ledger_hits": 0, "prompt_tokens": 6835, "completion_tokens": 78, "cached_tokens": 5168, "usd": 0.0}, "best": {"score": 1.0, "low": 0.6096657120978346, "high": 1.0, "rows": 6, "prompt": "grammar, 8 demonstrations as chat turns, xml, user, Answer:", "candidates_alive": 2, "calls_done": 19}}', '{"optimization_id": "opt-c5899c041c12", "task": "support-triage", "model": {"name": "hosted_vllm/local", "toy": false}, "judge": null, "dataset_digest": "9c6cd4409049aafb37d4b8a090c9fefd4924f213faadd03c9957407f8142bf2e", "seed": 0, "decision": "keep_baseline", "why": "The best candidate''s difference on 10 test rows is +0.500 (deciding 97.0% interval -0.075 to +0.834, p = 0.062). The lower bound is not above 0, so a gain is not proven and your prompt stays.", "winner": {"digest": "f1c8225b9c1ab26430512fd2741493596192a98b10b6c7badd41225c93923ab6", "messages": [{"role": "user", "content": "You are an expert who determines the team from the message.\nRead the message. Which team fits it best?\nAnswer with one of these values, spelled exactly as shown and nothing else.\n\n<input>faulty 26: reimburse before shop money return autumn</input>"}, {"role": "assistant", "content": "Answer: refunds"}, {"role": "user", "content": "<input>street 55: warehouse tracking address window late remember</input>"}, {"role": "assistant", "content": "Answer: orders"}, {"role": "user", "content": "<input>evening 50: money question village voucher broken exchange</input>"}, {"role": "assistant", "content": "Answer: refunds"}, {"role": "user", "content": "<input>courier 52: neighbour address sister again delivery warehouse</input>"}, {"role": "assistant", "content": "Answer: orders"}, {"role": "user", "content": "<input>account 51: kitchen invoice receipt card people corner</input>"}, {"role": "assistant", "content": "Answer: billing"}, {"role": "user", "content": "<input>village 48: answer account vat shop card charged</input>"}, {"role": "assistant", "content": "Answer: billing"}, {"role": "user", "content": "<input>yesterday 10: tracking always warehouse address again parcel</input>"}, {"role": "assistant", "content": "Answer: orders"}, {"role": "user", "content": "<input>reimburse 35: question exchange return autumn voucher tomorrow</input>"}, {"role": "assistant", "content": "Answer: refunds"}, {"role": "user", "content": "<input>{{message}}</input>"}], "variables": ["message"], "parameters": {"temperature": 0, "max_tokens": 24}, "reply_format": {"marker": "Answer:", "opening": null, "closing": null}, "factors": {"instruction": "You are an expert who determines the team from the message.\nRead the message. Which team fits it best?\nAnswer with one of these values, spelled exactly as shown and nothing else.", "instruction_source": "grammar", "demonstrations": 8, "demonstration_ids": ["0a45179b948398b39f4443d7cbc17a0060b847a6fb4c1326e67d94850e646b8b", "558f08b4e424622dd33a5930832eeae7deb3cc9b50603d4154eeac6503e4b90e", "51b07425180891b77a055ecc2b9eb41a99efa659b59f51c0eff0ae9bb3ad5ad9", "aa8d0111d69c330f5de92aa95c3fc37567d2181d310eb669a52402a9843e4cb2", "41a5f49160953c8a6cde2ff0735f188eec99849e2393dd0ce558baf532110757", "c7ac86c8284324244f17b41077803b2be9633ee7a6bc2edd7e8c5fe6c2f4b743", "45a9afd0794d389f1a8a7f4ec3b5ad99cadec199f22d1118ed6f89afa768ebd1", "b04007ba42c5559152bfcdcbaeb47a300d0df2cca69552a1b2691ac56ae73aec"], "demonstration_style": "turns", "demonstration_selector": "nearest", "delimiters": "xml", "placement": "user", "answer_marker": "Answer:", "reasoning": "off"}, "version": null}, "baseline": {"digest": "730b3dde00d61731d82931520bcee74b3bd4fc25e4d26b0c15202709f68dfef8", "messages": [{"role": "system", "content": "Which team should handle this message? Answer only with one of: billing, orders, refunds."}, {"role": "user", "content": "Input: {{message}}\nOutput:"}], "variables": ["message"], "parameters": {"temperature": 0, "max_tokens": 24}, "reply_format": {"marker": "Output:", "opening": null, "closing": null}, "factors": {"instruction": "Which team should handle this message? Answer only with one of: billing, orders, refunds.", "instruction_source": "baseline", "demonstrations": 0, "demonstration_ids": [], "demonstration_style": null, "demonstration_selector": null, "delimiters": "plain", "placement": "system", "answer_marker": null, "reasoning": "off"}, "version": 1}, "runners_up": [{"prompt": {"digest": "96cbf5c8f6724593c65feabeb6fad60fa4e81d1528d869e79b2ea61e50c69564", "messages": [{"role": "user", "content": "You are an expert who determines the team from the message.\nWhich team should handle this message? Answer only with one of: billing, orders, refunds.\nIf more than one fits, choose the one that matches the main point. Never invent a new one.\nWrite a single word, without explanation.\n\n### Input\nstreet 55: warehouse tracking address window late remember\n"}, {"role": "assistant", "content": "orders"}, {"role": "user", "content": "### Input\nwarehouse 1: yesterday website morning courier parcel delivery\n"}, {"role": "assistant", "content": "orders"}, {"role": "user", "content": "### Input\nvat 21: account morning charged kitchen invoice always\n"}, {"role": "assistant", "content": "billing"}, {"role": "user", "content": "### Input\nreimburse 35: question exchange return autumn voucher tomorrow\n"}, {"role": "assistant", "content": "refunds"}, {"role": "user", "content": "### Input\n{{message}}\n"}], "variables": ["message"], "parameters": {"temperature": 0, "max_tokens": 24}, "reply_format": {"marker": null, "opening": null, "closing": null}, "factors": {"instruction": "You are an expert who determines the team from the message.\nWhich team should handle this message? Answer only with one of: billing, orders, refunds.\nIf more than one fits, choose the one that matches the main point. Never invent a new one.\nWrite a single word, without explanation.", "instruction_source": "grammar", "demonstrations": 4, "demonstration_ids": ["558f08b4e424622dd33a5930832eeae7deb3cc9b50603d4154eeac6503e4b90e", "b158a019a40bf129dfec3db8e545bad211518ff4ba37826e5a1c6af7460f7f8e", "9c297045defc3a4213a5c93f4ef43f6655821a8386dbd1f8ea3d09ba25b78da6", "b04007ba42c5559152bfcdcbaeb47a300d0df2cca69552a1b2691ac56ae73aec"], "demonstration_style": "turns", "demonstration_selector": "nearest", "delimiters": "markdown", "placement": "user", "answer_marker": null, "reasoning": "off"}, "version": null}, "score": 1.0, "n": 6}, {"prompt": {"digest": "56f9506ef38f05e04a2540c7c02820fe53c1762425e97351f3ecba38bc861ffb", "messages": [{"role": "system", "content": "You are an expert who determines the team from the message.\nWhich team should handle this message? Answer only with one of: billing, orders, refunds.\nIf more than one fits, choose the one that matches the main point. Never invent a new one.\nThe values of team, with words that are typical of each:\n- billing: typical words are account, charged, vat, answer, card\n- orders: typical words are warehouse, address, again, courier, delivery\n- refunds: typical words are exchange, reimburse, return, voucher, autumn"}, {"role": "user", "content": "Input: warehouse 1: yesterday website morning courier parcel delivery\nOutput: orders\n\nInput: evening 50: money question village voucher broken exchange\nOutput: refunds\n\nInput: {{message}}\nOutput:"}], "variables": ["message"], "parameters": {"temperature": 0, "max_tokens": 24}, "reply_format": {"marker": "Output:", "opening": null, "closing": null}, "factors": {"instruction": "You are an expert who determines the team from the message.\nWhich team should handle this message? Answer only with one of: billing, orders, refunds.\nIf more than one fits, choose the one that matches the main point. Never invent a new one.\nThe values of team, with words that are typical of each:\n- billing: typical words are account, charged, vat, answer, card\n- orders: typical words are warehouse, address, again, courier, delivery\n- refunds: typical words are exchange, reimburse, return, voucher, autumn", "instruction_source": "grammar", "demonstrations": 2, "demonstration_ids": ["b158a019a40bf129dfec3db8e545bad211518ff4ba37826e5a1c6af7460f7f8e", "51b07425180891b77a055ecc2b9eb41a99efa659b59f51c0eff0ae9bb3ad5ad9"], "demonstration_style": "inline", "demonstration_selector": "balanced", "delimiters": "plain", "placement": "system", "answer_marker": null, "reasoning": "off"}, "version": null}, "score": 0.6666666666666666, "n": 3}, {"prompt": {"digest": "9f94c17d73e3cbd7a83302cc28a3ce1dc94a7247d0d4e0b5a10592315ccb8d69", "messages": [{"role": "system", "content": "You help with this task: Route a support message to the team that can solve it.\nWhich team should handle this message? Answer only with one of: billing, orders, refunds.\nWork carefully: consider the whole message before you decide on the team.\nThe values of team, with words that are typical of each:\n- billing: typical words are account, charged, vat, answer, card\n- orders: typical words are warehouse, address, again, courier, delivery\n- refunds: typical words are exchange, reimburse, return, voucher, autumn\nAnswer with one of these values, spelled exactly as shown and nothing else."}, {"role": "user", "content": "{\"input\": \"{{message}}\"}\nAnswer:"}], "variables": ["message"], "parameters": {"temperature": 0, "max_tokens": 24}, "reply_format": {"marker": "Answer:", "opening": null, "closing": null}, "factors": {"instruction": "You help with this task: Route a support message to the team that can solve it.\nWhich team should handle this message? Answer only with one of: billing, orders, refunds.\nWork carefully: consider the whole message before you decide on the team.\nThe values of team, with words that are typical of each:\n- billing: typical words are account, charged, vat, answer, card\n- orders: typical words are warehouse, address, again, courier, delivery\n- refunds: typical words are exchange, reimburse, return, voucher, autumn\nAnswer with one of these values, spelled exactly as shown and nothing else.", "instruction_source": "grammar", "demonstrations": 0, "demonstration_ids": [], "demonstration_style": null, "demonstration_selector": null, "delimiters": "json", "placement": "system", "answer_marker": "Answer:", "reasoning": "off"}, "version": null}, "score": 0.0, "n": 1}, {"prompt": {"digest": "73e762175a7c8c1298bf30b24e54ccaaea8156e2f01b5ac5bc9fb3abc528da45", "messages": [{"role": "system", "content": "Which team should handle this message? Answer only with one of: billing, orders, refunds."}, {"role": "user", "content": "[INPUT] {{message}} [SEP]\n[OUTPUT]"}], "variables": ["message"], "parameters": {"temperature": 0, "max_tokens": 24}, "reply_format": {"marker": "[OUTPUT]", "opening": null, "closing": null}, "factors": {"instruction": "Which team should handle this message? Answer only with one of: billing, orders, refunds.", "instruction_source": "baseline", "demonstrations": 0, "demonstration_ids": [], "demonstration_style": null, "demonstration_selector": null, "delimiters": "brackets", "placement": "system", "answer_marker": null, "reasoning": "off"}, "version": null}, "score": 0.0, "n": 1}], "earlier": [], "evidence": {"split": "test", "method": "fixed", "n": 10, "planned": 10, "missing": 0.0, "winner": {"mean": 1.0, "low": 0.7224672001371107, "high": 1.0}, "baseline": {"mean": 0.5, "low": 0.236593090512564, "high": 0.7634069094874361}, "difference": {"mean": 0.5, "low": -0.024107387999813445, "high": 0.8129139715526015, "p": 0.0625, "test": "exact McNemar"}, "decisive": {"mean": 0.5, "low": -0.07541740735868639, "high": 0.834012623099796, "p": 0.0625, "test": "exact McNemar", "level": 0.9696036449072987, "look": 1}, "slices": [], "per_1000_requests": {"winner": {"prompt_tokens": 275300.0, "completion_tokens": 2000.0, "cost_usd": 0.0}, "baseline": {"prompt_tokens": 44300.0, "completion_tokens": 2000.0, "cost_usd": 0.0}}}, "headroom": {"n": 2, "baseline": {"mean": 0.5, "low": 0.09453120573423074, "high": 0.9054687942657693}, "best_probe": 1.0, "format_failures": 0.0, "noise": null, "spread": 0.5, "verdict": "go_on", "why": "Your prompt scores 0.50 on the first 2 rows, the best of the other prompts tried 1.00."}, "placing": {"ahead": 0, "level": 2, "prompts": 5, "rows": 1}, "front": [{"prompt": {"digest": "f1c8225b9c1ab26430512fd2741493596192a98b10b6c7badd41225c93923ab6", "messages": [{"role": "user", "content": "You are an expert who determines the team from the message.\nRead the message. Which team fits it best?\nAnswer with one of these values, spelled exactly as shown and nothing else.\n\n<input>faulty 26: reimburse before shop money return autumn</input>"}, {"role": "assistant", "content": "Answer: refunds"}, {"role": "user", "content": "<input>street 55: warehouse tracking address window late remember</input>"}, {"role": "assistant", "content": "Answer: orders"}, {"role": "user", "content": "<input>evening 50: money question village voucher broken exchange</input>"}, {"role": "assistant", "content": "Answer: refunds"}, {"role": "user", "content": "<input>courier 52: neighbour address sister again delivery warehouse</input>"}, {"role": "assistant", "content": "Answer: orders"}, {"role": "user", "content": "<input>account 51: kitchen invoice receipt card people corner</input>"}, {"role": "assistant", "content": "Answer: billing"}, {"role": "user", "content": "<input>village 48: answer account vat shop card charged</input>"}, {"role": "assistant", "content": "Answer: billing"}, {"role": "user", "content": "<input>yesterday 10: tracking always warehouse address again parcel</input>"}, {"role": "assistant", "content": "Answer: orders"}, {"role": "user", "content": "<input>reimburse 35: question exchange return autumn voucher tomorrow</input>"}, {"role": "assistant", "content": "Answer: refunds"}, {"role": "user", "content": "<input>{{message}}</input>"}], "variables": ["message"], "parameters": {"temperature": 0, "max_tokens": 24}, "reply_format": {"marker": "Answer:", "opening": null, "closing": null}, "factors": {"instruction": "You are an expert who determines the team from the message.\nRead the message. Which team fits it best?\nAnswer with one of these values, spelled exactly as shown and nothing else.", "instruction_source": "grammar", "demonstrations": 8, "demonstration_ids": ["0a45179b948398b39f4443d7cbc17a0060b847a6fb4c1326e67d94850e646b8b", "558f08b4e424622dd33a5930832eeae7deb3cc9b50603d4154eeac6503e4b90e", "51b07425180891b77a055ecc2b9eb41a99efa659b59f51c0eff0ae9bb3ad5ad9", "aa8d0111d69c330f5de92aa95c3fc37567d2181d310eb669a52402a9843e4cb2", "41a5f49160953c8a6cde2ff0735f188eec99849e2393dd0ce558baf532110757", "c7ac86c8284324244f17b41077803b2be9633ee7a6bc2edd7e8c5fe6c2f4b743", "45a9afd0794d389f1a8a7f4ec3b5ad99cadec199f22d1118ed6f89afa768ebd1", "b04007ba42c5559152bfcdcbaeb47a300d0df2cca69552a1b2691ac56ae73aec"], "demonstration_style": "turns", "demonstration_selector": "nearest", "delimiters": "xml", "placement": "user", "answer_marker": "Answer:", "reasoning": "off"}, "version": null}, "score": {"mean": 1.0, "low": 0.6096657120978346, "high": 1.0}, "n": 6, "difference": null, "as_good": true, "prompt_tokens": 275.0, "completion_tokens": 2.0, "cost_usd_per_1000": 0.0, "latency_s": 0.001988903502933681, "words": "the winner"}, {"prompt": {"digest": "96cbf5c8f6724593c65feabeb6fad60fa4e81d1528d869e79b2ea61e50c69564", "messages": [{"role": "user", "content": "You are an expert who determines the team from the message.\nWhich team should handle this message? Answer only with one of: billing, orders, refunds.\nIf more than one fits, choose the one that matches the main point. Never invent a new one.\nWrite a single word, without explanation.\n\n### Input\nstreet 55: warehouse tracking address window late remember\n"}, {"role": "assistant", "content": "orders"}, {"role": "user", "content": "### Input\nwarehouse 1: yesterday website morning courier parcel delivery\n"}, {"role": "assistant", "content": "orders"}, {"role": "user", "content": "### Input\nvat 21: account morning charged kitchen invoice always\n"}, {"role": "assistant", "content": "billing"}, {"role": "user", "content": "### Input\nreimburse 35: question exchange return autumn voucher tomorrow\n"}, {"role": "assistant", "content": "refunds"}, {"role": "user", "content": "### Input\n{{message}}\n"}], "variables": ["message"], "parameters": {"temperature": 0, "max_tokens": 24}, "reply_format": {"marker": null, "opening": null, "closing": null}, "factors": {"instruction": "You are an expert who determines the team from the message.\nWhich team should handle this message? Answer only with one of: billing, orders, refunds.\nIf more than one fits, choose the one that matches the main point. Never invent a new one.\nWrite a single word, without explanation.", "instruction_source": "grammar", "demonstrations": 4, "demonstration_ids": ["558f08b4e424622dd33a5930832eeae7deb3cc9b50603d4154eeac6503e4b90e", "b158a019a40bf129dfec3db8e545bad211518ff4ba37826e5a1c6af7460f7f8e", "9c297045defc3a4213a5c93f4ef43f6655821a8386dbd1f8ea3d09ba25b78da6", "b04007ba42c5559152bfcdcbaeb47a300d0df2cca69552a1b2691ac56ae73aec"], "demonstration_style": "turns", "demonstration_selector": "nearest", "delimiters": "markdown", "placement": "user", "answer_marker": null, "reasoning": "off"}, "version": null}, "score": {"mean": 1.0, "low": 0.6096657120978346, "high": 1.0}, "n": 6, "difference": {"mean": 0.0, "low": -0.4592581264399005, "high": 0.4592581264399005, "p": 1.0, "test": "exact McNemar"}, "as_good": true, "prompt_tokens": 185.0, "completion_tokens": 2.0, "cost_usd_per_1000": 0.0, "latency_s": 0.0022434580023400486, "words": "told apart by too few rows (6: within \u00b146 points); 33 % fewer prompt tokens"}], "cheaper": null, "mattered": {"importance": [], "ablation": [], "words": ["Which factor mattered cannot be said: 5 prompts were tried; which factor matters takes 20."]}, "written": [], "refused": {}, "spent": {"calls": 39, "lost_calls": 0, "ledger_hits": 0, "prompt_tokens": 6835, "completion_tokens": 78, "cached_tokens": 5168, "cached_share": 0.756108266276518, "server_cached_share": null, "usd": 0.0, "seconds": 0.294, "by_phase": {"headroom": 4, "search": 15, "finalists": 0, "report": 0, "proof": 20}, "by_role": {"task": {"calls": 39, "tokens": 6913, "usd": 0.0}}}, "trials": 6, "problems": {}}', NULL, '2026-11-21T21:36:45.823+00:00', '2026-11-21T21:36:46.525+00:00');
INSERT INTO public.prompt_labels VALUES ('support-triage', 'production', 1);
INSERT INTO public.prompt_versions VALUES ('support-triage', 1, '730b3dde00d61731d82931520bcee74b3bd4fc25e4d26b0c15202709f68dfef8', '{"digest": "730b3dde00d61731d82931520bcee74b3bd4fc25e4d26b0c15202709f68dfef8", "messages": [{"role": "system", "content": "Which team should handle this message? Answer only with one of: billing, orders, refunds."}, {"role": "user", "content": "Input: {{message}}\nOutput:"}], "variables": ["message"], "parameters": {"temperature": 0, "max_tokens": 24}, "reply_format": {"marker": "Output:", "opening": null, "closing": null}, "factors": {"instruction": "Which team should handle this message? Answer only with one of: billing, orders, refunds.", "instruction_source": "baseline", "demonstrations": 0, "demonstration_ids": [], "demonstration_style": null, "demonstration_selector": null, "delimiters": "plain", "placement": "system", "answer_marker": null, "reasoning": "off"}}', '{"split": "test", "method": "fixed", "n": 10, "planned": 10, "missing": 0.0, "winner": {"mean": 1.0, "low": 0.7224672001371107, "high": 1.0}, "baseline": {"mean": 0.5, "low": 0.236593090512564, "high": 0.7634069094874361}, "difference": {"mean": 0.5, "low": -0.024107387999813445, "high": 0.8129139715526015, "p": 0.0625, "test": "exact McNemar"}, "decisive": {"mean": 0.5, "low": -0.07541740735868639, "high": 0.834012623099796, "p": 0.0625, "test": "exact McNemar", "level": 0.9696036449072987, "look": 1}, "slices": [], "per_1000_requests": {"winner": {"prompt_tokens": 275300.0, "completion_tokens": 2000.0, "cost_usd": 0.0}, "baseline": {"prompt_tokens": 44300.0, "completion_tokens": 2000.0, "cost_usd": 0.0}}, "optimization_id": "opt-c5899c041c12", "role": "baseline"}', '2026-11-21T21:36:46.472+00:00');
INSERT INTO public.searched_data VALUES ('9c6cd4409049aafb37d4b8a090c9fefd4924f213faadd03c9957407f8142bf2e', '\x00000000000000000000000000000000040000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000006000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000070000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000070000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000030000000002000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000060000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000200000000000000000000000000000000000000000000000003000000000000000000000000000000000000000000000000000000000004000000000000000000000000000000000000000000000000000000000000000005000000000000000003040000000000000000000000000900000300000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000300000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000007000000000000000002000000000000000000000008000000000000000000000000000000000000000000000009000000000000000000000000000000000500000700000000000000000000050000000000000000000000000004000300000000000000000000000000000000000000000000000000000000000000000000000000000000000000000400000000000000000000000000000000000000000000000000000004000000000000000700000000000000000000000000000000000000000000000000000000040000000000001d0006000000000000000000000000000200000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000500000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000050000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000060000000000000000000000000000000000000000000000000000000000000000000000000000000000080000000005000000000000000000020000000000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000030000000000000000000000000003000300000000000000002400000000000200000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000080000000100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000006000000000000000000000000000000000007000000000000000000000000000000000000000000000000000000000000000000000600000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000007000000000000000000000000000000000000000500000000000000000000000000000000000000000300040000000000000000000000000000000000000000000000000000000005000000000000000000000000000000000000000000000000000000000000000000000000000000000200000000000000000000000000', '\x0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000', '\x02e7c25f04369bd5054fda128d632c910f2364a4783e5aa61833c3782fa6173a18507ca24f7da476185a6ceddc93ff2d1ff7392ebf77ea3d21606a55bc18ea4d264c5aab440bdea82c5d31ed9fdfd1592e8f8d507a406cbe3e92c574c53c088045a6f9676f8812b64801ddec9c6bcf3a4acc8fde94c3c896519066105f1f83bd531dd54d00f5e23f54302f7d9f4bc1b375b8b27b49fdcc3c783f0bf9edfff3bf7b1ed203afa235f37c9034695ffb129e7d58908d71a939377f1b889c58c8e1198d147e77600b1ccd9285e6fe6a77b342956b3b3748e29620960e362514e86d1bb3bdbf581cbd4d9fb4a57c867927891abcdce792bdb170bbbd350be8a0089947c646c4158962c3c8d17529b4e6d3d318d67cc4e60eed0f06e45037125ebecd65');
INSERT INTO public.searches VALUES ('opt-c5899c041c12', '577fd33cbd23a54265deef2b47a4ee607eff2b0740b21bd7cd5745a4d5c13bfd', '9c6cd4409049aafb37d4b8a090c9fefd4924f213faadd03c9957407f8142bf2e', '[]', 'tickets local', '2026-11-21T21:36:45.832+00:00');
INSERT INTO public.whet_layout VALUES (2);
SELECT pg_catalog.setval('public.label_moves_sequence_seq', 1, true);
SELECT pg_catalog.setval('public.ledger_sequence_seq', 61, true);
SELECT pg_catalog.setval('public.ledger_texts_number_seq', 53, true);
SELECT pg_catalog.setval('public.whet_layout_layout_seq', 1, false);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_digest_key UNIQUE (digest);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.batch_requests
    ADD CONSTRAINT batch_requests_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.batches
    ADD CONSTRAINT batches_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.decisions
    ADD CONSTRAINT decisions_pkey PRIMARY KEY (optimization, point);
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (owner, key);
ALTER TABLE ONLY public.label_moves
    ADD CONSTRAINT label_moves_pkey PRIMARY KEY (sequence);
ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT ledger_key_key UNIQUE (key);
ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (sequence);
ALTER TABLE ONLY public.ledger_texts
    ADD CONSTRAINT ledger_texts_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.ledger_texts
    ADD CONSTRAINT ledger_texts_text_key UNIQUE (text);
ALTER TABLE ONLY public.looks
    ADD CONSTRAINT looks_pkey PRIMARY KEY (test_digest, look);
ALTER TABLE ONLY public.looks
    ADD CONSTRAINT looks_test_digest_number_key UNIQUE (test_digest, number);
ALTER TABLE ONLY public.optimization_events
    ADD CONSTRAINT optimization_events_pkey PRIMARY KEY (optimization, sequence);
ALTER TABLE ONLY public.optimizations
    ADD CONSTRAINT optimizations_identity_epoch_number_key UNIQUE (identity, epoch_number);
ALTER TABLE ONLY public.optimizations
    ADD CONSTRAINT optimizations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.prompt_labels
    ADD CONSTRAINT prompt_labels_pkey PRIMARY KEY (name, label);
ALTER TABLE ONLY public.prompt_versions
    ADD CONSTRAINT prompt_versions_name_digest_key UNIQUE (name, digest);
ALTER TABLE ONLY public.prompt_versions
    ADD CONSTRAINT prompt_versions_pkey PRIMARY KEY (name, version);
ALTER TABLE ONLY public.searched_data
    ADD CONSTRAINT searched_data_pkey PRIMARY KEY (data);
ALTER TABLE ONLY public.searches
    ADD CONSTRAINT searches_pkey PRIMARY KEY (optimization);
ALTER TABLE ONLY public.whet_layout
    ADD CONSTRAINT whet_layout_pkey PRIMARY KEY (layout);
CREATE INDEX ix_batch_requests_batch ON public.batch_requests USING btree (batch);
CREATE INDEX ix_batches_run ON public.batches USING btree (run);
CREATE INDEX ix_optimizations_identity ON public.optimizations USING btree (identity);
CREATE INDEX searches_by_answers ON public.searches USING btree (answers, created_at);
ALTER TABLE ONLY public.batch_requests
    ADD CONSTRAINT batch_requests_batch_fkey FOREIGN KEY (batch) REFERENCES public.batches(id);
ALTER TABLE ONLY public.decisions
    ADD CONSTRAINT decisions_optimization_fkey FOREIGN KEY (optimization) REFERENCES public.optimizations(id);
ALTER TABLE ONLY public.optimization_events
    ADD CONSTRAINT optimization_events_optimization_fkey FOREIGN KEY (optimization) REFERENCES public.optimizations(id);
ALTER TABLE ONLY public.prompt_labels
    ADD CONSTRAINT prompt_labels_name_version_fkey FOREIGN KEY (name, version) REFERENCES public.prompt_versions(name, version);
ALTER TABLE ONLY public.searches
    ADD CONSTRAINT searches_optimization_fkey FOREIGN KEY (optimization) REFERENCES public.optimizations(id);
