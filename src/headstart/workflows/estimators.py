"""Estimators: models and features of networks as parts of scikit-learn's pipelines, searches and cross-validations."""

from __future__ import annotations

import numbers
from dataclasses import replace
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from headstart.backbones.catalog import card_of, packaged
from headstart.backbones.input_size import side_for
from headstart.backbones.loading import load_backbone
from headstart.core.arguments import NotAcceptedError
from headstart.core.errors import DataError, PlanError
from headstart.core.types import Floats, Integers
from headstart.data.given_images import given_images, pictures_of
from headstart.data.images import Embeddings, Images, ImageSet
from headstart.data.scan import scan
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.features.representation import Blocks, blocks_of
from headstart.methods import method_from
from headstart.methods.base import Method
from headstart.training.settings import Training

MOST_SEED = 2**31 - 1


class TransferClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A method of headstart on a pretrained network as a scikit-learn classifier.

    It learns from feature vectors [sample, feature], or from images: a list of paths, Pillow images or arrays, or an array
    [sample, height, width, channel]. It tries nothing and chooses nothing, so that a search or a pipeline can: `headstart.run`
    decides between methods and networks. Features of pictures are computed once and kept, so that folds and searches on the same
    pictures read them.

    Args:
        method: Name of a method that learns from labeled images alone, as `headstart methods` lists them.
        settings: Its hyper-parameters by name; those that are not named have their defaults.
        pretrained: Name of the network, as `headstart.models()` lists them; None for the smallest that is installed. Feature
            vectors need none.
        weights: "pretrained", "none" for random ones, or a file.
        input_pixels: Side that pictures are resized to; None for one that suits the network and the pictures.
        training: Settings of the training by name, such as {"epochs": 5}, for methods that train a network.
        random_state: A seed, or a generator that gives one.

    Attributes:
        classes_: The labels, in ascending order.
        n_features_in_: Of feature vectors.
        model_: The fitted `headstart.Model`.
    """

    def __init__(
        self,
        method: str = "ridge",
        *,
        settings: dict[str, Any] | None = None,
        pretrained: str | None = None,
        weights: str = "pretrained",
        input_pixels: int | None = None,
        training: dict[str, Any] | None = None,
        random_state: Any = 0,
    ) -> None:
        self.method = method
        self.settings = settings
        self.pretrained = pretrained
        self.weights = weights
        self.input_pixels = input_pixels
        self.training = training
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803 - scikit-learn's names
        """Fit the method to labeled rows.

        Args:
            X: Feature vectors or images.
            y: A label for each.

        Returns:
            The estimator itself.

        Raises:
            DataError: Rows and labels do not fit together, or an image cannot be read.
            PlanError: The method, a setting or the network does not exist, or the method needs more than labeled images.
            TrainingError: The fit broke down.
        """
        if are_pictures(X):
            pictures, labels = _pictures(X), _labels(y)
            if len(pictures) != len(labels):
                raise DataError(f"{len(pictures)} images and {len(labels)} labels were given. Give a label for each image.")
            images: Images = pictures
            self.__dict__.pop("n_features_in_", None)
        else:
            vectors, labels = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=1)
            images = _vectors(vectors)
        check_classification_targets(labels)
        self.classes_, numbers_ = np.unique(labels, return_inverse=True)
        seed = _seed(self.random_state)
        task = _task(images, tuple(map(str, self.classes_)), np.asarray(numbers_, np.int64), seed)
        method = _method(self.method, self.settings)
        self._check_effect(method, images.embedded)
        name = "embeddings" if images.embedded else _network(self.pretrained)
        side = 1 if images.embedded else self.input_pixels or side_for(card_of(name), task.native_pixels)
        backbone = load_backbone(name, "none" if images.embedded else self.weights, side, seed)
        self.model_ = method.fit(task, backbone, _training(self.training, seed))
        return self

    def _check_effect(self, method: Method, embedded: bool) -> None:
        """Refuse arguments that would change nothing."""
        if self.training and not method.reads_training():
            raise PlanError(f"training has no effect: {self.method} is a closed form. Leave it out.")
        pictures = {"pretrained": self.pretrained, "input_pixels": self.input_pixels}
        given = [name for name, value in pictures.items() if value is not None and embedded]
        if given:
            raise PlanError(f"{given[0]} has no effect on feature vectors. Leave it out, or give images.")

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803
        """Calibrated probabilities of the classes, float64 [sample, class], in the order of `classes_`."""
        check_is_fitted(self)
        embedded = hasattr(self, "n_features_in_")
        if embedded == are_pictures(X) and not _is_empty(X):
            was, now = ("feature vectors", "images") if embedded else ("images", "feature vectors")
            raise DataError(f"This classifier was fitted to {was}, and {now} were given. Give {was}.")
        images = _vectors(validate_data(self, X, dtype=np.float64, reset=False)) if embedded else _pictures(X)
        probs: Floats = self.model_.predict(_unlabeled(images)).probs
        return probs

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The most probable class of each row."""
        probs = self.predict_proba(X)
        return np.asarray(self.classes_[probs.argmax(axis=1)])


class Features(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Features of a pretrained network as a scikit-learn transformer of images.

    Args:
        blocks: "penultimate", "stages" (means and standard deviations of every depth), "stages+pixels" or "pixels".
        pretrained: Name of the network, as `headstart.models()` lists them; None for the smallest that is installed.
        weights: "pretrained", "none" for random ones, or a file.
        input_pixels: Side that images are resized to; None for one that suits the network and the images of `fit`.

    Attributes:
        n_features_out_: The number of features.
    """

    def __init__(
        self,
        blocks: Blocks = "stages",
        *,
        pretrained: str | None = None,
        weights: str = "pretrained",
        input_pixels: int | None = None,
    ) -> None:
        self.blocks = blocks
        self.pretrained = pretrained
        self.weights = weights
        self.input_pixels = input_pixels

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Choose the input side by the images' own; nothing is learned, and labels are not read."""
        images = _pictures(_only_pictures(X))
        name = _network(self.pretrained)
        side = self.input_pixels or side_for(card_of(name), _native_pixels(images))
        self.backbone_ = load_backbone(name, self.weights, side)
        self.n_features_out_ = self.transform(images.take(np.arange(1))).shape[1]
        return self

    def transform(self, X: Any) -> Floats:  # noqa: N803
        """Features of the images, float32 [sample, feature]; those of images that were seen before are read."""
        check_is_fitted(self)
        features = features_of(_unlabeled(_pictures(_only_pictures(X))), self.backbone_)
        return np.concatenate([np.asarray(block, np.float32) for block in blocks_of(features, self.blocks)], axis=1)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """The network's name with the place of the feature: "efficientnet_lite0_0" and so on."""
        check_is_fitted(self)
        name = self.backbone_.card.name
        return np.array([f"{name}_{place}" for place in range(self.n_features_out_)], dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.requires_fit = True
        return tags


def are_pictures(X: Any) -> bool:  # noqa: N803
    """Whether rows are images: paths, Pillow images, arrays of two or more axes each, or one array of three or more.

    Everything else is taken for feature vectors, which scikit-learn checks.
    """
    if isinstance(X, Images | ImageSet):
        return not (X.images if isinstance(X, ImageSet) else X).embedded
    if sparse.issparse(X) or hasattr(X, "columns"):
        return False
    if getattr(X, "ndim", 1) != 1:
        return bool(X.ndim > 2)
    first: Any = next(iter(X), None) if hasattr(X, "__iter__") else None
    if not isinstance(first, str) and (isinstance(first, list | tuple) or hasattr(first, "ndim")):
        return bool(np.ndim(first) > 1)
    return first is not None and not isinstance(first, numbers.Number)


def _is_empty(X: Any) -> bool:  # noqa: N803
    return isinstance(X, list | tuple) and not X


def _only_pictures(X: Any) -> Any:  # noqa: N803
    if not are_pictures(X):
        raise DataError("No images were given. Give a list of paths, Pillow images or arrays, or an array of images.")
    return X


def _pictures(X: Any) -> Images:  # noqa: N803
    try:
        return pictures_of(given_images(X))
    except NotAcceptedError as refused:
        met = f"{type(refused.value).__name__}{refused.place and f' at {refused.place}'}"
        raise DataError(f"{met} is no image. Give paths, Pillow images or arrays.") from None


def _vectors(rows: Floats) -> Embeddings:
    return Embeddings(np.asarray(rows, np.float32), "X", np.arange(len(rows)))


def _labels(y: Any) -> np.ndarray:
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise DataError(f"The labels have the shape {labels.shape}. Give one label an image.")
    return labels


def _unlabeled(images: Images) -> ImageSet:
    return ImageSet(images, (), np.full(len(images), -1, np.int64), np.arange(len(images)))


def _native_pixels(images: Images) -> int:
    """Median of the shorter sides of the images; a `DataError` names one that cannot be read."""
    scanned = scan(images)
    for row, problem in enumerate(scanned.problems):
        if problem:
            raise DataError(f"{images.name(row)}: {problem}")
    return int(np.median(scanned.shorter_sides))


def _task(images: Images, classes: tuple[str, ...], labels: Integers, seed: int) -> Task:
    rows = ImageSet(images, classes, labels, np.arange(len(images)))
    copies = np.unique(rows.content_keys, return_inverse=True)[1].astype(np.int64)  # equal rows are left out together
    rows = replace(rows, groups=copies).with_content_keys(rows.content_keys)
    native = 0 if images.embedded else _native_pixels(images)
    return Task("X", classes, rows, seed=seed, native_pixels=native)


def _method(kind: str, settings: dict[str, Any] | None) -> Method:
    method = method_from({"kind": kind, **(settings or {})}, "settings")
    if set(method.needs) & {"unlabeled", "source", "named_domains", "domains"}:
        raise PlanError(f"{kind} learns from more than labeled images. Choose ridge, lp_ft or another of `headstart methods`.")
    return method


def _network(pretrained: str | None) -> str:
    """That network, or the smallest of those that are installed."""
    if pretrained is not None:
        return pretrained
    cards = packaged()
    if not cards:
        raise PlanError('No pretrained network is installed. Give pretrained="...": `headstart models` lists names.')
    return min(cards, key=lambda card: card.num_parameters or 0).name


def _training(settings: dict[str, Any] | None, seed: int) -> Training:
    return Training.from_dict({"seed": seed, **(settings or {})}, "training")


def _seed(random_state: Any) -> int:
    if isinstance(random_state, numbers.Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(MOST_SEED))
