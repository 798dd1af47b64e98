"""One file a verb: the public Python API, which the command line calls. `headstart.NAME` loads each on first use.

Arguments have the names of the command line's options, and mean the same for every verb:

    data            a path, the name of a built-in set, or a `Task`, which source, target_domain, seed, per_class and test must
                    not contradict; `embed`, `extend` and `pretrain` read the place of a task again, in their own way
    run             a finished run, or the path of its folder
    images          paths, folders, Pillow images, arrays or tensors, one or many; see `headstart.predict`
    source          places of labeled images of other domains, one or many; whether they help is part of a decision
    target_domain   the target's names in the data's own column `domain`; labeled rows of its other domains are sources
    pretrained      names or cards of models to transfer from; without any, all whose weights are here and that did not learn
                    these labels
    weights         "pretrained", "none" (random) or a file of weights for the one model named
    minutes         a budget in minutes, by the clock; without it, every side is tried
    method          a method's kind: `headstart methods` lists all
    settings        `training.NAME` sets a field of `Training`, any other name a hyper-parameter of the method
    only            "transfer" or "scratch": try this side only
    members         models that may predict together, at most; 1 for a single model, five where it is left out
    seed            decides split, folds, initialization and training; 0 unless given
    per_class       labeled training rows to keep a class; 0 takes all labels off a target that has sources
    test            share of the labeled rows to set aside as a sealed test where none is given; see `headstart.read_task`
    out             the folder or file that is written; a run's folder is `runs/NAME-FINGERPRINT` without it

All raise ArgumentError, which is a PlanError and a TypeError, where an argument is unknown, missing or of a type that is not
accepted, DataError where data or a run cannot be used, PretrainedError where a model cannot be had, PlanError where an option is
unknown, out of range or contradicted, or `out` holds something else, TrainingError where a training breaks down,
MissingExtraError where a package is not installed, and ExportError where `out` cannot be written.
"""
