"""The depot behind one internal balancer: the fleet by its default action, two others by rules of the listener."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from depot import east, manifest, web, west

from rota_cdk import AlbEndpoint, Rota

app = cdk.App()
stack = cdk.Stack(app, "Depot")
network = ec2.Vpc(
    stack,
    "Network",
    max_azs=2,
    nat_gateways=0,
    subnet_configuration=[ec2.SubnetConfiguration(name="inside", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)],
)
for name, service in {
    "Queues": ec2.InterfaceVpcEndpointAwsService.SQS,
    "Secrets": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    "Balancers": ec2.InterfaceVpcEndpointAwsService.ELASTIC_LOAD_BALANCING,
}.items():
    network.add_interface_endpoint(name, service=service)
groups = {
    endpoint.name: elb.ApplicationTargetGroup(
        stack,
        f"Servers-{endpoint.name}",
        vpc=network,
        port=8000,
        target_type=elb.TargetType.IP,
        health_check=elb.HealthCheck(
            path=f"{endpoint.path}/health",
            interval=cdk.Duration.seconds(5),
            timeout=cdk.Duration.seconds(2),
            unhealthy_threshold_count=3,
        ),
    )
    for endpoint in (web, east, west)
}
balancer = elb.ApplicationLoadBalancer(stack, "Balancer", vpc=network, internet_facing=False)
listener = balancer.add_listener("Http", port=80, open=False, default_target_groups=[groups["web"]])
rota = Rota(
    stack,
    "Jobs",
    manifest=manifest,
    endpoints={
        "web": AlbEndpoint(listener, target_group=groups["web"], server_scheme="http"),
        "east": AlbEndpoint(listener, host="east.example.com", priority=10, target_group=groups["east"]),
        "west": AlbEndpoint(listener, host="west.example.com", priority=20, target_group=groups["west"]),
    },
)
# For the test of least privilege: a role with each grant, and a secret that is nobody's.
for name, grant in {"server": rota.grant_verify, "keeper": rota.grant_rotate}.items():
    grant(iam.Role(stack, name, role_name=f"depot-{name}", assumed_by=iam.AccountRootPrincipal()))
secretsmanager.Secret(stack, "Other", secret_name="depot-other")
assert rota.trigger is not None
cdk.CfnOutput(stack, "TriggerRole", value=rota.trigger.function.role.role_name)
for name, group in groups.items():
    cdk.CfnOutput(stack, f"{name}Targets", value=group.target_group_arn)
cdk.CfnOutput(stack, "Address", value=balancer.load_balancer_dns_name)
app.synth()
