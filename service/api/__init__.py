"""The REST API: thin routes over the packages below."""
