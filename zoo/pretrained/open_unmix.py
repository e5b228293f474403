"""Open-Unmix as ours: the names in its authors' files, one file a source, rule by rule.

Of their published files (Zenodo 3370486, 3370489, 5069601) they state eight digits of a checksum,
hence no entry of the index; files that their module saves come out equal.
"""

from __future__ import annotations

from zoo.pretrained.rules import LSTM_RULES, Rule, Skip, batch_norm, transpose


def open_unmix_rules(net: str = r"nets_\1") -> tuple[Rule | Skip, ...]:
    """The table for files read with the prefixes '0.', '1.', ... in the order of the sources."""
    table: list[Rule | Skip] = []
    for number in (1, 2, 3):
        name = f"{net}/dense_{number}"
        table.append(Rule(rf"(\d)\.fc{number}\.weight", f"params/{name}/kernel", transpose))
        table.append(batch_norm(rf"(\d)\.bn{number}", f"{name}_norm"))
    for theirs, (ours, layout) in LSTM_RULES.items():
        pattern = rf"(\d)\.lstm\.{theirs}_l(\d+)(_reverse)?"
        table.append(Rule(pattern, rf"params/{net}/lstm_\2/{ours}\3", layout))
    table.append(Rule(r"(\d)\.((in|out)put_(mean|scale))", rf"params/{net}/\2"))
    # Their Separator saves its own constants beside the nets.
    table.append(Skip(r"(\d)\.(bn\d\.num_batches_tracked|stft\.window|transform\..*)"))
    return tuple(table)
