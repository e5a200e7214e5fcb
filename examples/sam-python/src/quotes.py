import json
import os

QUOTES = [
    "Cache what is asked twice.",
    "A key is a promise about an answer.",
    "The fastest request is the one that is not made.",
]


def handler(event, context):
    """One function for three routes of a REST API (payload 1.0)."""
    print(event["httpMethod"], event["path"])
    if event["httpMethod"] == "POST":
        quote = json.loads(event["body"] or "{}").get("quote")
        if not quote:
            return answer(400, {"message": 'send {"quote": "…"}'})
        QUOTES.append(quote)
        return answer(201, {"number": len(QUOTES)})
    if event["resource"] == "/quotes":
        greeting = event["stageVariables"]["greeting"]
        return answer(200, {"greeting": greeting, "by": os.environ["AUTHOR"], "count": len(QUOTES)})
    number = event["pathParameters"]["number"]
    if not number.isdigit() or not 1 <= int(number) <= len(QUOTES):
        return answer(404, {"message": "no such quote"})
    return answer(200, {"quote": QUOTES[int(number) - 1]}, "public, max-age=120")


def answer(status, body, cache_control=None):
    headers = {"Content-Type": "application/json"}
    if cache_control:
        headers["Cache-Control"] = cache_control
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}
