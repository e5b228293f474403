"""Experiments that several rows share, as plain functions of a model and a source."""
