import json
import time


def handler(event, context):
    """Answers slowly on purpose: the edge asks once a minute, viewers never wait."""
    time.sleep(0.2)
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json", "cache-control": "public, max-age=60, stale-while-revalidate=300"},
        "body": json.dumps({"path": event["rawPath"], "made": time.strftime("%H:%M:%S")}),
    }
