"""List prices, dollars, without free tiers and discounts. AWS changes them: check the pages named here."""

KNOWN_AT = "2026-11-21"
REGION = "us-east-1"
MILLION = 1_000_000

SQS = 0.40
"""A million requests to a standard queue. https://aws.amazon.com/sqs/pricing/"""
DYNAMODB_WRITE = 0.625
"""A million write request units, on demand. https://aws.amazon.com/dynamodb/pricing/on-demand/"""
DYNAMODB_READ = 0.125
"""A million read request units, on demand. The same page."""
DYNAMODB_STORAGE = 0.25
"""A GB for a month. The same page."""
DYNAMODB_RECOVERY = 0.20
"""A GB for a month, for point-in-time recovery. The same page."""
RULE = 0.0
"""A million firings of a rule with a schedule. https://aws.amazon.com/eventbridge/pricing/"""
SCHEDULER = 1.00
"""A million invocations by EventBridge Scheduler. The same page."""
LAMBDA = 0.20
"""A million requests. https://aws.amazon.com/lambda/pricing/"""
LAMBDA_GB_SECOND = 0.0000166667
"""A second of a GB of memory, x86. The same page."""

PAGES = {
    "Amazon SQS pricing": "https://aws.amazon.com/sqs/pricing/",
    "Amazon DynamoDB pricing for on-demand capacity": "https://aws.amazon.com/dynamodb/pricing/on-demand/",
    "Amazon EventBridge pricing": "https://aws.amazon.com/eventbridge/pricing/",
    "AWS Lambda pricing": "https://aws.amazon.com/lambda/pricing/",
}

ITEM_OVERHEAD = 100
"""Bytes that storage is billed for each item beyond its own. The page on sizes of items, see units.py."""
DAYS_KEPT, DAYS_A_MONTH, HOURS_A_MONTH = 45, 365 / 12, 730
"""How long the ledger keeps a record (docs/ledger.md), and months in AWS's bills."""
