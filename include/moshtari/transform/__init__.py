"""Transformation: one `dbt build` of one run, with errors that name the models and tests."""
