"""`headstart run`: all steps."""

from __future__ import annotations

from headstart.cli import _options as options

POSITION = 0


def run(
    data: options.DataOrEmbedded = None,
    source: options.Sources = None,
    target_domain: options.TargetDomains = None,
    pretrained: options.PretrainedNames = None,
    weights: options.Weights = "pretrained",
    minutes: options.Minutes = None,
    method: options.MethodKind = None,
    settings: options.Settings = None,
    seed: options.Seed = 0,
    per_class: options.PerClass = None,
    test: options.Test = None,
    leave_domain_out: options.LeaveDomainOut = False,
    without_label_errors: options.WithoutLabelErrors = False,
    numbers: options.Numbers = None,
    only: options.Only = None,
    members: options.Members = None,
    out: options.Out = None,
    track: options.Track = None,
    cluster: options.Cluster = None,
    as_json: options.Json = False,
    strict: options.Strict = False,
) -> None:
    """Make a classifier from a folder of images: inspect, rank, decide, fit, evaluate and report.

    Without --pretrained, all pretrained models whose weights are here are ranked. Cross-validation decides whether to transfer or
    to train from scratch, from which model and how. Only the final evaluation opens the test images.

    A run may be interrupted at any point: the same command continues it.
    """
    from headstart.cli._finish import finish_run
    from headstart.workflows.run import run as run_all

    finished = run_all(
        data, source=source, target_domain=target_domain, pretrained=pretrained, weights=weights, minutes=minutes, method=method,
        settings=options.settings_from(settings), only=only, members=members, seed=seed, per_class=per_class, test=test,
        leave_domain_out=leave_domain_out, without_label_errors=without_label_errors, numbers=numbers, out=out, track=track,
        cluster=cluster,
    )  # fmt: skip
    finish_run(finished, as_json, strict)
