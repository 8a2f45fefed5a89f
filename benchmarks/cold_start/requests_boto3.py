"""The same function as many would write it: boto3 for the secret, requests for the request."""

import base64
import hashlib
import hmac
import json
import os
import time

import boto3
import requests

secrets = boto3.client("secretsmanager")
session = requests.Session()


def handler(event, context):
    keys = json.loads(secrets.get_secret_value(SecretId=os.environ["SECRET"])["SecretString"])["keys"]
    for record in event["Records"]:
        body = json.loads(record["body"])
        post = body.pop("post")
        body["endpoint"] = post["endpoints"][0]
        said = "\n".join([body["job"], body["run"], body["endpoint"]])
        message_id = "msg_" + hashlib.sha256(said.encode()).hexdigest()[:32]
        data, timestamp = json.dumps(body), int(time.time())
        content = f"{message_id}.{timestamp}.{data}".encode()
        signatures = [
            "v1," + base64.b64encode(hmac.digest(base64.b64decode(key["secret"][6:]), content, "sha256")).decode()
            for key in keys
        ]
        answer = session.post(
            os.environ["URL"],
            data,
            headers={
                "content-type": "application/json",
                "webhook-id": message_id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": " ".join(signatures),
            },
            timeout=65,
        )
        answer.raise_for_status()
        print(json.dumps({"job": body["job"], "run": body["run"], "status": answer.status_code}))
    return {"batchItemFailures": []}
