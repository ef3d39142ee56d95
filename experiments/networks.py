"""Keras models for specs with `model: {build: "networks:FUNCTION"}`.

A function is called with the shape of an image and the number of classes, and by name with the
other keys of `model`. It returns a Keras model, not compiled, that takes images scaled to [0, 1]
and returns a probability for each class.
"""

from collections.abc import Sequence

import keras
from keras import layers


def small_cnn(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    filters: Sequence[int] = (8, 16, 32),
    batch_norm: bool = True,
    dropout: float = 0.3,
) -> keras.Model:
    """Return a convolutional network: convolution, normalisation and pooling, then a dense layer.

    Args:
        input_shape: height, width and channels of an image.
        classes: number of classes.
        filters: number of filters of each block, which halves height and width.
        batch_norm: whether each convolution is followed by batch normalisation.
        dropout: fraction of the features that is dropped before the last layer.
    """
    image = keras.Input(input_shape)
    features = layers.AveragePooling2D(2)(image)
    for count in filters:
        features = layers.Conv2D(count, 3, padding="same", use_bias=not batch_norm)(features)
        if batch_norm:
            features = layers.BatchNormalization(momentum=0.9)(features)
        features = layers.ReLU()(features)
        features = layers.MaxPooling2D(2)(features)
    features = layers.Flatten()(features)
    features = layers.Dropout(dropout)(features)
    return keras.Model(image, layers.Dense(classes, activation="softmax")(features))
