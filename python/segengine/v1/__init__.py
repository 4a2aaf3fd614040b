"""The messages of ``segengine.v1``, generated from ``proto/segengine/v1`` by ``make generate``."""
