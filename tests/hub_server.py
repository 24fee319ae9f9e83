"""A server on loopback that speaks the Hub's protocol, as far as ``huggingface_hub`` needs it."""

import base64
import hashlib
import json
import os
import tempfile
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LARGE = ".safetensors"  # such files are in LFS: they are known by their SHA-256


def etag(name, content):
    """What the Hub calls a file by: the SHA-256 of a large one, git's SHA-1 of others."""
    if name.endswith(LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Hub:
    """Repositories: name -> revisions, the last of which is ``main``, each path -> bytes."""

    def __init__(self):
        self.repos, self.large, self.damaged = {}, {}, set()
        self.requests = []

    def revision(self, repo, name):
        """Number of a revision: ``main``, a tag ``v1``, ``v2``, ..., or a commit."""
        count = len(self.repos[repo])
        if name == "main":
            return count - 1
        number = int(name[1:]) - 1 if name.startswith("v") else int(name, 16)
        return number if 0 <= number < count else None


class Handler(BaseHTTPRequestHandler):
    """Answers of the Hub."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_):
        """Say nothing."""

    def say(self, code, content=b"", **headers):
        self.send_response(code)
        for name, value in {"Content-Length": len(content), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def tell(self, **said):
        self.say(200, json.dumps(said).encode(), Content_Type="application/json")

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_GET(self):
        self.hub.requests.append(self.path)
        repo, _, rest = unquote(urlsplit(self.path).path[1:]).partition("/resolve/")
        revision, _, name = rest.partition("/")
        if repo not in self.hub.repos:
            self.say(404, X_Error_Code="RepoNotFound")
        elif (number := self.hub.revision(repo, revision)) is None:
            self.say(404, X_Error_Code="RevisionNotFound")
        elif name not in self.hub.repos[repo][number]:
            self.say(404, X_Error_Code="EntryNotFound", X_Repo_Commit=f"{number:040x}")
        else:
            content = self.hub.repos[repo][number][name]
            known = {"ETag": f'"{etag(name, content)}"', "X_Repo_Commit": f"{number:040x}"}
            if name in self.hub.damaged:
                content = content[:-1] + bytes([content[-1] ^ 1])
            self.say(200, content, **known)

    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        path, body = urlsplit(self.path).path, self.body()
        if path == "/api/repos/create":
            said = json.loads(body)
            repo = f"{said.get('organization') or 'me'}/{said['name']}"
            self.hub.repos.setdefault(repo, [])
            self.tell(url=f"{self.server.address}/{repo}", name=repo)
        elif path == "/api/validate-yaml":
            self.tell(errors=[], warnings=[])
        elif "/preupload/" in path:
            names = [each["path"] for each in json.loads(body)["files"]]
            mode = {True: "lfs", False: "regular"}
            self.tell(files=[{"path": name, "uploadMode": mode[name.endswith(LARGE)],
                              "shouldIgnore": False} for name in names])  # fmt: skip
        elif path.endswith("/objects/batch"):
            objects = json.loads(body)["objects"]
            for each in objects:
                each["actions"] = {"upload": {"href": f"{self.server.address}/lfs/{each['oid']}"}}
            self.tell(transfer="basic", objects=objects)
        else:
            self.commit(path, [json.loads(line) for line in body.splitlines()])

    def commit(self, path, lines):
        repo = path.removeprefix("/api/models/").partition("/commit/")[0]
        files = dict(self.hub.repos[repo][-1]) if self.hub.repos[repo] else {}
        for line in lines:
            said = line["value"]
            if line["key"] == "file":
                files[said["path"]] = base64.b64decode(said["content"])
            elif line["key"] == "lfsFile":
                files[said["path"]] = self.hub.large[said["oid"]]
        self.hub.repos[repo].append(files)
        oid = f"{len(self.hub.repos[repo]) - 1:040x}"
        self.tell(commitUrl=f"{self.server.address}/{repo}/commit/{oid}", commitOid=oid)

    def do_PUT(self):
        self.hub.large[self.path.rpartition("/")[2]] = self.body()
        self.say(200)


@cache
def started():
    """The server of this process; ``huggingface_hub``, which is imported later, speaks to it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.address = f"http://127.0.0.1:{server.server_port}"
    Handler.hub = Hub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = tempfile.mkdtemp(prefix="hub-")
    os.environ |= {"HF_ENDPOINT": server.address, "HF_HOME": home, "HF_HUB_DISABLE_XET": "1",
                   "HF_TOKEN": "secret", "HF_HUB_DISABLE_TELEMETRY": "1"}  # fmt: skip
    return Handler.hub
