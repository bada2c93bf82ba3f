"""Why each hostile image is refused: what its name begins with, and what the refusal must say."""

import re

DAMAGED = r"is damaged: (\d+|more) errors|could not be read as a disk image"
OUTSIDE = "outside the file|leads out of the file"
TWICE = "lists one table twice"
BACKING, ENCRYPTED = "needs a backing file", "is encrypted"
DATA_FILE = "keeps its data in another file|names a file that its data is in|its data is in another file"
REASONS = (
    (r"v2 flag", "entries that only version 3 knows"),
    (r"torn", "could not be read as a disk image"),
    (r"v[23] version", r"is a qcow2 image of version \d+"),
    (r"v[23] backing|backing", BACKING),
    (r"v[23] encryption|LUKS|v2 LUKS", ENCRYPTED),
    (r"v[23] cluster_bits", r"has clusters of 2\^|L1 table too small|" + DAMAGED),
    (r"v[23] size", r"shows (no|\d+) bytes"),
    (r"v[23] l1_entries", "absurd size|too small|" + OUTSIDE),
    (r"v[23] l1=", "no cluster's start|" + OUTSIDE),
    (r"v[23] refcounts=", "no cluster's start|outside the file"),
    (r"v[23] refcount_clusters", "refcount table of absurd size|outside the file"),
    (r"v[23] snapshots", r"has \d+ snapshots inside|snapshot table outside"),
    (r"v3 incompatible=0x4$|data |external|v2 data file|v3 autoclear", DATA_FILE),
    (r"v3 incompatible", "was not closed|is marked as damaged|features that are not known"),
    (r"v3 refcount_order", "too many bits|" + DAMAGED),
    (r"v3 length|header length", r"has a header of \d+ bytes"),
    (r"v3 compression", "compressed in a way|contradicts itself about how"),
    (r"extensions without end", "more header extensions"),
    (r"(unknown |v2 )?extension of|table of names", "extension of impossible length"),
    (r"format extension", BACKING),
    (r"bitmaps extension", "extension of impossible length"),
    (r"bitmaps", "(list of bitmaps|table of a bitmap) (of absurd|outside|at no)|bitmaps of absurd size"),
    (r"snapshot|1024 snapshots", f"of absurd size|no cluster's start|{OUTSIDE}|{TWICE}|{DAMAGED}"),
    (r"L1 |L2 |refcount|two|every|compressed", f"no cluster's start|{OUTSIDE}|{TWICE}|{DAMAGED}"),
    (r"costly", "more tables than can be checked in time|bitmaps of absurd size|too many for clusters"),
    (r"wide|overlap|entry", f"no cluster's start|{OUTSIDE}|{TWICE}|{DAMAGED}"),
    (r"cut to", f"is not a qcow2 image|ends within its header|{OUTSIDE}|{DAMAGED}"),
    (r"posing: qcow 1|format qcow$|magic", r"is a qcow2 image of version \d+|is not a qcow2 image"),
    (r"posing|format|vmdk|text|script|zeros|gzip|ELF", "is not a qcow2 image"),
)


def reason_for(name: str) -> str:
    """What is to be said of it. Nothing is hostile without a reason."""
    return next(words for start, words in REASONS if re.match(start, name))
