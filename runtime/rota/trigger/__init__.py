"""The trigger: a Lambda that signs runs and posts them to endpoints. Standard library only, for each import is paid at
a cold start."""
