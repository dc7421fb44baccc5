"""Chooses 256 colours for a picture, quickly: most of it is background."""

import numpy as np
from PIL import Image

LEVELS = 16
"""Red, green and blue are each cut into so many levels; colours with the same three levels may share one."""


def with_palette(picture_hwc: np.ndarray) -> Image.Image:
    """Return an opaque picture with a palette of at most 256 colours.

    The background, which is the colour of the first pixel, stays as it is. The other colours are put into groups by
    their levels. Each of the 255 largest groups becomes its mean; of any other group, the nearest of those.

    Arguments:
        picture_hwc: the picture, (height, width, 4) of uint8: red, green, blue, and alpha, which is ignored.
    """
    height, width, _ = picture_hwc.shape
    pixels = np.ascontiguousarray(picture_hwc).reshape(-1, 4)
    whole = pixels.view(np.uint32)[:, 0]
    drawn = np.flatnonzero(whole != whole[0])
    colours = pixels[drawn, :3]
    red, green, blue = (colours // (256 // LEVELS)).T.astype(np.intp)
    group = (red * LEVELS + green) * LEVELS + blue
    count = np.bincount(group, minlength=LEVELS**3)
    largest = np.argsort(-count, kind="stable")[: min(255, np.count_nonzero(count))]
    sums = [np.bincount(group, colours[:, channel], LEVELS**3) for channel in range(3)]
    mean = np.stack(sums, axis=1) / np.maximum(count, 1)[:, None]
    place = np.zeros(LEVELS**3, np.uint8)  # of each group in the palette
    place[largest] = np.arange(1, len(largest) + 1)
    rest = np.flatnonzero((count > 0) & (place == 0))
    if len(rest):
        kept = mean[largest]
        # The square of the distance, less what is the same for all that are kept.
        place[rest] = ((kept**2).sum(axis=1) - 2 * mean[rest] @ kept.T).argmin(axis=1) + 1
    index = np.zeros(height * width, np.uint8)
    index[drawn] = place[group]
    image = Image.fromarray(index.reshape(height, width))
    palette = np.concatenate([pixels[:1, :3], np.rint(mean[largest]).astype(np.uint8)])
    image.putpalette(palette.tobytes())
    return image
