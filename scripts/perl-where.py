# SPDX-License-Identifier: Apache-2.0
"""Where a Perl program is, from its innermost sub outwards, for gdb:

    gdb -batch -nx -p PID -x perl-where.py

The program's memory is read, nothing in it is called.  What lies where in the interpreter is what the
debugging symbols of this very perl say, which gdb finds by its build id (Debian: perl-debug); without
them nothing is shown.  Made for the perl of Debian 12, 5.36 with threads; of a program that has several
threads, the first is shown.  A line is where the statement begins, as in a warning.
"""

import gdb

MOST = 100  # frames; the program stands still meanwhile
CVF_NAMED = 0x8000  # cv.h
CXTYPEMASK = 0xF  # cop.h


def key_text(hek):
    """The text of a hash key, in which perl keeps names."""
    if not hek:
        return ""
    length = max(0, min(int(hek["hek_len"]), 512))
    data = gdb.selected_inferior().read_memory(int(hek["hek_key"].address), length)
    return bytes(data).decode("utf-8", "replace")


def stash_name(stash):
    if not stash:
        return ""
    aux = stash["sv_any"].cast(gdb.lookup_type("struct xpvhv_with_aux").pointer())["xhv_aux"]
    names = aux["xhv_name_u"]
    return key_text(names["xhvnameu_names"][0] if aux["xhv_name_count"] else names["xhvnameu_name"])


def sub_name(cv):
    body = cv["sv_any"]
    if int(body["xcv_flags"]) & CVF_NAMED:
        return f"{stash_name(body['xcv_stash'])}::{key_text(body['xcv_gv_u']['xcv_hek'])}"
    gv = body["xcv_gv_u"]["xcv_gv"]
    if not gv:
        return "a sub without a name"
    body = gv["sv_any"]
    return f"{stash_name(body['xnv_u']['xgv_stash'])}::{key_text(body['xiv_u']['xivu_namehek'])}"


def contexts(my_perl):
    """From the innermost: (kind, context) of each sub, format and eval."""
    names = gdb.parse_and_eval("context_name")
    kinds = [names[i].string() if names[i] else "" for i in range(names.type.range()[1] + 1)]
    stack = my_perl["Icurstackinfo"]
    while stack:
        for i in range(int(stack["si_cxix"]), -1, -1):
            context = stack["si_cxstack"][i]["cx_u"]["cx_blk"]
            kind = int(context["blku_type"]) & CXTYPEMASK
            if kind < len(kinds) and kinds[kind] in ("subroutine", "format", "eval"):
                yield kinds[kind], context
        stack = stack["si_prev"]


def show(name, cop):
    print(f"{name} at {cop['cop_file'].string('utf-8', 'replace')} line {cop['cop_line']}")


def walk(my_perl):
    cop, op = my_perl["Icurcop"], my_perl["Iop"]
    if op:
        print(f"operator {gdb.parse_and_eval('PL_op_name')[op['op_type']].string()}")
    for count, (kind, context) in enumerate(contexts(my_perl)):
        if count == MOST:
            return print("and so on")
        show(kind if kind == "eval" else sub_name(context["blk_u"]["blku_sub"]["cv"]), cop)
        cop = context["blku_oldcop"]
    return show("the program", cop)


def main():
    """What is wrong, if anything."""
    if not gdb.selected_inferior().pid:
        return "gdb could not attach to the program"
    try:
        interpreter = gdb.lookup_type("PerlInterpreter").pointer()
        my_perl = gdb.parse_and_eval("PL_curinterp").cast(interpreter)
    except gdb.error:
        return "not a perl, or one without debugging symbols (Debian: perl-debug of its version)"
    try:
        if not my_perl or not my_perl["Icurstackinfo"]:
            return "the interpreter has not begun"
        walk(my_perl)
    except gdb.error as error:  # perl was about to change what was read
        return f"the rest cannot be read: {error}"
    return None


wrong = main()
if wrong:
    print(f"perl-where: {wrong}")
    gdb.execute("set confirm off")
    gdb.execute("quit 1")
