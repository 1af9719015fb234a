"""The cases of make_operator_models.py, one module a family of operators."""
