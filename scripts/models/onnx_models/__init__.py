"""The cases of make_onnx_models.py, one module a family."""
