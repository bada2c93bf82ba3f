"""Every way in: the URLs with their methods, the sockets, the verbs; and how each is tried."""

import re
from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

from cowweb.asgi import sockets

METHODS = ("GET", "POST")
PLACEHOLDER = re.compile(r"<(?:\w+:)?(\w+)>")
# The admin's own pages are one rule, tried apart; these are for no person.
APART = ("admin/",)
# What a form would send. One that leaves a door's form incomplete shows who may fill it in.
FORM = {
    "base": "demo",
    "name": "new",
    "memory": "64M",
    "cpus": "1",
    "count": "1",
    "port": "8080",
    "hours": "1",
    "snapshot_name": "later",
    "as": "demo",
    "action": "start",
    "reach": "none",
    "user": "other",
    "role": "member",
    "days": "3",
    "scope": "use",
    "pool-minimum": "0",
    "pool-maximum": "1",
    "pool-refill_per_minute": "1",
    "pool-age_minutes": "5",
    "text": "# kvm-infra-use: demo\n",
    "script": "# kvm-infra-use: demo\n",
    "command": "list_bases",
    "decision": "leave",
}
# Where the usual form or no query does not lead to the one object of its kind.
FORMS = {
    "/clones/_bulk/": {"name": "web"},
    "/clones/_bin/<pk>/undelete/": {"as": ""},
    "/quotas/_set/": {"of": "user:member", "quota": "clones", "limit": "2"},
    "/quotas/requests/<pk>/decide/": {"verb": "approve"},
}
QUERIES = {"/runs/compare/": "?b={run}"}
LINES = {
    "import_base": "name=more url=https://images.invalid/x.qcow2",
    "cancel_import": "import={arriving}",
    "list_revisions": "base=demo",
    "approve_base": "base=demo",
    "deprecate_base": "base=demo",
    "retire_base": "base=demo@1",
    "alias_base": "base=demo alias=next to=1",
    "rollback_base": "base=demo",
    "verify_base": "base=demo",
    "base_visibility": "base=demo for=red",
    "send": "run={run} text=x",
    "register_runtime": "name=lua-2",
    "remove_runtime": "name=lua",
    "install_runtime": "name=lua base=demo",
    "undelete": "name=old",
    "purge": "name=old",
    "share": "name=web user=other",
    "unshare": "name=web user=other",
    "transfer": "name=web user=viewer",
    "register_base": "name=more disk=disk.qcow2",
    "clone": "base=demo",
    "provision": "script=deploy.sh",
    "parse": "script=deploy.sh",
    "cancel": "run={run}",
    "retry": "run={run}",
    "keep": "run={run}",
    "save_script": "name=deploy.sh file=deploy.sh",
    "show_script": "name=deploy.sh",
    "remove_script": "name=deploy.sh",
    "set_egress": "name=web egress_ports=none",
    "forward": "name=web port=8080",
    "share_port": "name=web port=8080",
    "revoke_link": "name=web link={link}",
    "snapshot": "name=web snapshot_name=later",
    "restore": "name=web snapshot_name=before",
    "delete_snapshot": "name=web snapshot_name=before",
    "list_templates": "base=demo",
    "build_template": "base=demo",
    "retire_template": "template={template}",
    "show_pool": "base=demo",
    "set_pool": "base=demo minimum=0",
    "help": "",
    "promote": "name=web as=demo",
    "execute": "vm=web command=true",
    "decide_finding": "finding={finding} decision=leave",
    "copy_to": "vm=web local=deploy.sh remote=/root/x",
    "list_copies": "vm=web",
    "cancel_copy": "copy={copy}",
    "copy_from": "vm=web remote=/root/x local=y",
    "quota": "user=member",
    "set_quota": "user=member quota=clones limit=2",
    "request_quota": "quota=running limit=3 until={day} why=x",
    "approve": "request={request}",
    "refuse": "request={request} note=no",
    "withdraw_request": "request={request}",
    "list_sessions": "user=member",
    "end_session": "session={visit}",
    "disable_user": "user=member",
    "enable_user": "user=disabled",
    "password_link": "user=member",
    "create_team": "name=green",
    "remove_team": "name=red",
    "set_member": "team=red user=other place=viewer",
    "set_role": "user=member role=curator",
    "invite": "team=red",
    "list_teams": "",
    "list_quotas": "",
    "list_requests": "",
    **dict.fromkeys(
        (
            "list_bases",
            "list_scripts",
            "list",
            "status",
            "security_audit",
            "list_findings",
            "list_images",
            "list_runtimes",
            "list_bin",
            "list_idle",
        ),
        "",
    ),
}
USUAL = "name=web"


def url_doors() -> Iterator[str]:
    """`GET /clones/<name>/`: each URL once a method; those that a method does not fit are told apart by trying."""
    for path in sorted(set(paths(get_resolver()))):
        if not path.startswith(APART):
            for method in METHODS:
                yield f"{method} {shown(path)}"


def shown(pattern: str) -> str:
    """`clones/<str:name>/` as the page writes it."""
    return "/" + PLACEHOLDER.sub(r"<\1>", pattern)


def paths(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for entry in resolver.url_patterns:
        path = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield path
        else:
            yield from paths(entry, path)


def socket_doors() -> dict[str, type]:
    return {f"socket {shown(str(route.pattern))}": route.callback.consumer_class for route in sockets.routes}


def arguments(door: str, world) -> dict[str, str]:
    """What stands for the placeholders of a URL: the one object of its kind."""
    kinds = {
        "clones": "web",
        "bases": "demo",
        "scripts": "deploy.sh",
        "teams": "red",
        "people": "member",
        "runtimes": "lua",
        "_catalogue": "debian-12",
        "lending": "share",
        "reports": "holdings",
    }
    numbers = {
        "runs": world.run.pk,
        "templates": world.template.pk,
        "links": world.link.pk,
        "findings": world.finding.pk,
        "_tokens": world.token.pk,
        "_withdraw": world.invited.pk,
        "requests": world.request.pk,
        "_sessions": world.visit.pk,
        "views": world.view.pk,
        "_imports": world.arriving.pk,
        "_bin": world.binned.pk,
        "files": world.copy.pk,
        "_ports": world.link.clone_id,
        "revisions": 1,
        "passkeys": 1,
        "sso": 1,
    }
    words = door.split("/")
    found: dict[str, str] = {"port": "8080", "action": "start", "snapshot": "before", "verb": "restore"}
    for place, word in enumerate(words):
        match = PLACEHOLDER.match(word)
        if match and words[place - 1] in numbers:
            found[match[1]] = str(numbers[words[place - 1]])
        elif match and words[place - 1] in kinds:
            found[match[1]] = kinds[words[place - 1]]
    return found


def address(door: str, world) -> str:
    values, path = arguments(door, world), door.partition(" ")[2]
    query = QUERIES.get(path, "").format(run=world.run.pk)
    return PLACEHOLDER.sub(lambda match: values.get(match[1], "unknown"), path) + query


def form(door: str) -> dict[str, str]:
    return FORM | FORMS.get(door.partition(" ")[2], {})


def line(verb: str, world) -> str:
    named = {
        "run": world.run.pk,
        "link": world.link.pk,
        "request": world.request.pk,
        "day": world.day,
        "finding": world.finding.pk,
        "arriving": world.arriving.pk,
        "visit": world.visit.pk,
        "copy": world.copy.pk,
        "template": world.template.pk,
    }
    return f"{verb} {LINES.get(verb, USUAL)}".format(**named).strip()
