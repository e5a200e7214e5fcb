# SPDX-License-Identifier: Apache-2.0
"""The runtime client for Python: loads the handler, takes invocations from
file descriptor 3 and answers them there.

The flow: wire() reads a frame, call() runs the handler, the answer goes back
as one frame, which also asks for the next. Frames are described in package
runtimeapi. Everything that the function prints goes to stdout.
"""

import decimal
import importlib
import json
import logging
import os
import socket
import sys
import time
import traceback

# The byte code of what the function imports goes beside this client, so that
# no __pycache__ appears in the folder of the function (which is watched).
sys.pycache_prefix = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cache")


class Fault(Exception):
    """An error with a type of the Lambda service."""

    def __init__(self, kind, message, trace=None):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.trace = trace or []


class Wire:
    """The socket to Forelane. Reads and writes block: one thing at a time."""

    def __init__(self, fd):
        os.set_inheritable(fd, False)
        self.sock = socket.socket(fileno=fd)
        self.sock.setblocking(True)
        self.have = bytearray()

    def _need(self, n):
        have = self.have
        while len(have) < n:
            b = self.sock.recv(max(65536, min(n - len(have), 1 << 20)))
            if not b:
                os._exit(0)  # Forelane is gone
            have += b

    def read(self):
        self._need(4)
        n = int.from_bytes(self.have[:4], "big")
        self._need(4 + n)
        frame = bytes(self.have[4 : 4 + n])
        del self.have[: 4 + n]
        k = int.from_bytes(frame[1:5], "big")
        return json.loads(frame[5 : 5 + k]), frame[5 + k :]

    def write(self, kind, body=b""):
        self.sock.sendall((len(body) + 1).to_bytes(4, "big") + kind + body)

    def fail(self, kind, error):
        self.write(kind, error["errorType"].encode() + b"\0" + dump(error))


def default(o):
    """Decimals become numbers, as boto3's tables need it."""
    if isinstance(o, decimal.Decimal):
        return int(o) if o.is_finite() and o == o.to_integral_value() else float(o)
    raise TypeError(f"Object of type {type(o).__name__} is not JSON serializable")


def dump(value):
    return json.dumps(value, ensure_ascii=False, default=default).encode("utf-8", "surrogatepass")


class Identity:
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self, d=None):
        d = d or {}
        self.cognito_identity_id = d.get("cognitoIdentityId")
        self.cognito_identity_pool_id = d.get("cognitoIdentityPoolId")


class Client:
    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")

    def __init__(self, d):
        for name in self.__slots__:
            setattr(self, name, d.get(name))


class ClientContext:
    __slots__ = ("custom", "env", "client")

    def __init__(self, d):
        self.custom = d.get("custom")
        self.env = d.get("env")
        self.client = Client(d["client"]) if d.get("client") else None


class Context:
    """The second argument of a handler."""

    function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
    memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
    log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
    tenant_id = None

    def __init__(self, head):
        self.aws_request_id = head["id"]
        self.invoked_function_arn = head["arn"]
        self._deadline = head["deadline"]
        self.client_context = ClientContext(json.loads(head["client"])) if "client" in head else None
        self.identity = Identity(json.loads(head["identity"]) if "identity" in head else None)

    def get_remaining_time_in_millis(self):
        return max(int(self._deadline - time.time() * 1000), 0)

    def log(self, msg):
        sys.stdout.write(msg if isinstance(msg, str) else str(msg))

    def __repr__(self):
        return f"LambdaContext([aws_request_id={self.aws_request_id},function_name={self.function_name}])"


class Current:
    """What the log lines say of the invocation that runs."""

    request_id = ""


def stamp(seconds):
    ms = int(seconds * 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03d}Z"


class TextFormatter(logging.Formatter):
    """[LEVEL]<tab>time<tab>request id<tab>message."""

    def format(self, record):
        text = f"[{record.levelname}]\t{stamp(record.created)}\t{Current.request_id}\t{record.getMessage()}"
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            text += "\n" + record.exc_text
        if record.stack_info:
            text += "\n" + self.formatStack(record.stack_info)
        return text


STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JSONFormatter(logging.Formatter):
    """One JSON object a line; what was passed as extra is added."""

    def format(self, record):
        out = {
            "timestamp": stamp(record.created)[:19] + "Z",
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": Current.request_id,
        }
        if record.exc_info:
            kind, value, trace = record.exc_info
            out["errorType"] = kind.__name__ if kind else None
            out["errorMessage"] = str(value)
            out["stackTrace"] = traceback.format_tb(trace)
            out["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        for k, v in record.__dict__.items():
            if k not in STANDARD and k not in out:
                out[k] = v
        return json.dumps(out, ensure_ascii=False, default=str)


class Handler(logging.Handler):
    def emit(self, record):
        try:
            sys.stdout.write(self.format(record) + "\n")
        except Exception:
            self.handleError(record)


JSON_LOG = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


def set_up_logging():
    handler = Handler()
    handler.setFormatter(JSONFormatter() if JSON_LOG else TextFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    names = {"TRACE": "NOTSET", "DEBUG": "DEBUG", "INFO": "INFO", "WARN": "WARNING", "ERROR": "ERROR", "FATAL": "CRITICAL"}
    if JSON_LOG and level in names:
        root.setLevel(names[level])


def log_error(error):
    """Prints an error object as Lambda does."""
    if JSON_LOG:
        out = {"timestamp": stamp(time.time()), "log_level": "ERROR"}
        out.update(error)
        print(json.dumps(out, ensure_ascii=False, default=str))
        return
    text = f"[ERROR] {error['errorType']}: {error['errorMessage']}" if error["errorMessage"] else f"[ERROR] {error['errorType']}"
    if error.get("stackTrace"):
        text += "\nTraceback (most recent call last):\n" + "".join(error["stackTrace"])
    print(text.rstrip("\n"))


def describe(exc):
    """The error object of an exception, without this client's own frames."""
    if isinstance(exc, Fault):
        error = {"errorMessage": exc.message, "errorType": exc.kind}
        trace = exc.trace
    else:
        error = {"errorMessage": str(exc), "errorType": type(exc).__name__}
        frames = [f for f in traceback.extract_tb(exc.__traceback__) if f.filename != __file__ and not f.filename.startswith("<frozen")]
        trace = traceback.format_list(frames)
    error["requestId"] = Current.request_id
    error["stackTrace"] = trace
    return error


def load(name):
    """Finds the handler: "folder/module.function" or "package.module.function"."""
    module, dot, function = name.rpartition(".")
    if not dot or not module:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)")
    dotted = module.replace("/", ".")
    if dotted.split(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict", f"Cannot use built-in module {module} as a handler module")
    try:
        m = importlib.import_module(dotted)
    except ImportError as e:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module}': {e}")
    except SyntaxError as e:
        raise Fault(
            "Runtime.UserCodeSyntaxError",
            f"Syntax error in module '{module}': {e}",
            [f'  File "{e.filename}" Line {e.lineno}\n    {e.text}\n'],
        )
    try:
        return getattr(m, function)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", f"Handler '{function}' missing on module '{module}'")


def call(handler, head, payload):
    """Runs the handler; gives the answer and the error object, one of them None."""
    Current.request_id = head["id"]
    if "trace" in head:
        os.environ["_X_AMZN_TRACE_ID"] = head["trace"]
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    try:
        try:
            event = json.loads(payload)
        except Exception as e:
            raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {e}")
        result = handler(event, Context(head))
        try:
            return dump(result), None
        except Exception as e:
            raise Fault("Runtime.MarshalError", f"Unable to marshal response: {e}")
    except Exception as e:
        return None, describe(e)


def main():
    sys.stdout.reconfigure(line_buffering=True)
    sys.path[0] = os.environ.get("LAMBDA_TASK_ROOT", os.getcwd())
    set_up_logging()
    wire = Wire(3)
    try:
        handler = load(os.environ.get("_HANDLER", ""))
    except Exception as e:
        error = describe(e)
        log_error(error)
        sys.stdout.flush()
        wire.fail(b"X", error)
        sys.exit(1)
    wire.write(b"N")
    while True:
        head, payload = wire.read()
        answer, error = call(handler, head, payload)
        if error is not None:
            log_error(error)
        sys.stdout.flush()
        sys.stderr.flush()
        if error is not None:
            wire.fail(b"E", error)
        else:
            wire.write(b"R", answer)


if __name__ == "__main__":
    main()
