"""The table of verbs: what each word of the command language calls."""

from commands import (
    audit_verbs,
    base_verbs,
    chain_verbs,
    clone_verbs,
    going_on_verbs,
    guest_verbs,
    port_verbs,
    run_verbs,
    runtime_verbs,
    script_verbs,
)
from commands.service import Caller, Result, Verb, execute

VERBS: dict[str, Verb] = {
    "register_base": base_verbs.register_base,
    "list_bases": base_verbs.list_bases,
    "clone": clone_verbs.clone,
    "provision": run_verbs.provision,
    "parse": run_verbs.parse,
    "cancel": going_on_verbs.cancel,
    "send": going_on_verbs.send,
    "retry": going_on_verbs.retry,
    "keep": going_on_verbs.keep,
    "save_script": script_verbs.save_script,
    "list_scripts": script_verbs.list_scripts,
    "show_script": script_verbs.show_script,
    "remove_script": script_verbs.remove_script,
    "list_runtimes": runtime_verbs.list_runtimes,
    "register_runtime": runtime_verbs.register_runtime,
    "remove_runtime": runtime_verbs.remove_runtime,
    "install_runtime": runtime_verbs.install_runtime,
    "list": clone_verbs.clone_list,
    "status": clone_verbs.status,
    "inspect": clone_verbs.inspect,
    "start": clone_verbs.start,
    "stop": clone_verbs.stop,
    "restart": clone_verbs.restart,
    "pause": clone_verbs.pause,
    "resume": clone_verbs.resume,
    "remove": clone_verbs.remove,
    "start_if_stopped": clone_verbs.start_if_stopped,
    "stop_if_running": clone_verbs.stop_if_running,
    "save_state": clone_verbs.save_state,
    "restore_state": clone_verbs.restore_state,
    "set_egress": port_verbs.set_egress,
    "forward": port_verbs.forward,
    "share_port": port_verbs.share_port,
    "revoke_link": port_verbs.revoke_link,
    "snapshot": clone_verbs.snapshot,
    "restore": clone_verbs.restore,
    "flatten": chain_verbs.flatten,
    "promote": chain_verbs.promote,
    "rebase": chain_verbs.rebase,
    "execute": guest_verbs.execute,
    "copy_to": guest_verbs.copy_to,
    "copy_from": guest_verbs.copy_from,
    "logs": guest_verbs.logs,
    "security_audit": audit_verbs.security_audit,
}


def run_command(text: str, caller: Caller) -> Result:
    """Carries out one line of the command language."""
    return execute(text, caller=caller, verbs=VERBS)
