"""The trigger's function and two that do the same, and what stands in for Secrets Manager and for a load balancer."""
