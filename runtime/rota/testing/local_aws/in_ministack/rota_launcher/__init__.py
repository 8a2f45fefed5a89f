"""Starts ministack and puts right what rota's tests need of it. Run by ministack's own Python, never imported by rota.

The standard library and ministack alone: ``python -m rota_launcher --parent PID --data FOLDER [--tick SECONDS]``.
"""
