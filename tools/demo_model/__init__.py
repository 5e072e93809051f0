"""The shipped models' corpus, training and export: `docs/demo-model.md` tells how they are used.

PYTHONPATH=tools python -m demo_model.train tools/demo_model/runs/diffusion --minutes 76
"""
