"""Drives a language server by JSON-RPC as an editor does, and prints what it answers.

usage: editor.py SERVER
"""
import json
import subprocess
import sys

URI = "file:///model.mlir"
GATE = """func.func @f(%a: tensor<1x2x3x4xf32>, %b: tensor<1x2x3xWxf32>, %g: tensor<2xf32>)
    -> tensor<1x2x3x4xf32> {
  %o = infini_attn.gate %a, %b, %g
      : tensor<1x2x3x4xf32>, tensor<1x2x3xWxf32>, tensor<2xf32> -> tensor<1x2x3x4xf32>
  return %o : tensor<1x2x3x4xf32>
}
"""

server = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def send(method, params, number=None):
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    if number is not None:
        message["id"] = number
    body = json.dumps(message).encode()
    server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    server.stdin.flush()


def receive(wanted):
    """The next message for which wanted(message) holds."""
    while True:
        length = 0
        while line := server.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if not length:
            sys.exit("expected a message, got the end of the server's output")
        message = json.loads(server.stdout.read(length))
        if wanted(message):
            return message


def diagnostics():
    return receive(lambda m: m.get("method") == "textDocument/publishDiagnostics")["params"]["diagnostics"]


send("initialize", {"processId": None, "rootUri": None, "capabilities": {}}, 1)
receive(lambda m: m.get("id") == 1)
send("initialized", {})
send("textDocument/didOpen", {"textDocument": {
    "uri": URI, "languageId": "mlir", "version": 1, "text": GATE.replace("W", "5")}})
for found in diagnostics():
    start = found["range"]["start"]
    print(f"diagnostic {start['line'] + 1}:{start['character'] + 1}: {found['message']}")
send("textDocument/didChange", {"textDocument": {"uri": URI, "version": 2},
                                "contentChanges": [{"text": GATE.replace("W", "4")}]})
if diagnostics():
    sys.exit("expected no diagnostics for the repaired text")
send("textDocument/hover", {"textDocument": {"uri": URI}, "position": {"line": 2, "character": 20}}, 2)
print("hover:", json.dumps(receive(lambda m: m.get("id") == 2)["result"]))
send("shutdown", None, 3)
receive(lambda m: m.get("id") == 3)
send("exit", None)
print("exit code", server.wait(timeout=60))
