"""Who goes where: rows and groups dealt to folds, or drawn for two sides, by bucket.

Buckets here are numbers from 0 alone, in order, so that neighbours are known.
"""

import numpy as np
from scipy.sparse import coo_array

__all__ = ["deal_groups", "deal_rows", "draw_rows", "shares_of"]

DESCENTS = 10  # at most, over all groups: two or three are enough as a rule
MOST_PAIRS = 50_000_000  # times columns: of more, single groups are too small to matter
SLACK = 1e-12  # so that rounding does not make a group go to and fro


def deal_rows(y, counts, n_splits):
    """Return a fold for each target, such that means and spreads of the folds agree.

    The targets are sorted within their buckets, which hold `counts` of them, one
    after the other. The middle hand of a bucket may be short: it goes to the folds
    with the fewest rows so far, so that folds stay within one row of each other.
    """
    z = y / max(np.abs(y).max(), np.finfo(float).tiny)  # so that no sum overflows
    z -= z.mean()
    starts = _hands(counts, n_splits)
    stops = [*starts[1:], len(y)]
    farthest = np.maximum.reduceat(np.abs(z), starts)
    fold, rows = np.empty(len(y), int), np.zeros(n_splits)
    above, below = np.zeros((2, n_splits))  # sums of the hands on either side
    for h in np.argsort(-farthest, kind="stable"):
        hand = z[starts[h] : stops[h]]
        sums = above if hand.sum() > 0 else below
        takers = np.argsort(-sums, kind="stable")
        if len(hand) < n_splits:
            few = np.lexsort((np.abs(sums), rows))[: len(hand)]
            takers = takers[np.isin(takers, few)]
            rows[few] += 1
        fold[starts[h] : stops[h]] = takers
        sums[takers] += hand
    return fold


def _hands(counts, n_splits):
    """Return where the hands begin: `n_splits` neighbours, a short hand in the middle.

    At an end of its bucket a short hand would leave some folds without the largest.
    """
    starts, begin = [], 0
    for count in counts[counts > 0]:
        end, (full, short) = begin + count, divmod(count, n_splits)
        middle = begin + full // 2 * n_splits
        starts += [*range(begin, middle, n_splits), *([middle] if short else [])]
        starts += range(middle + short, end, n_splits)
        begin = end
    return starts


def draw_rows(assigned, n_train, n_test, rng):
    """Return training and test rows: each bucket's share, drawn at random."""
    n, counts = len(assigned), np.bincount(assigned)
    several = (counts > 1).astype(int)
    test = _allot(counts, n_test, several, counts - several, rng)
    left = counts - test
    train = (
        left if n_train == left.sum() else _allot(counts, n_train, several, left, rng)
    )
    shuffled = rng.permutation(n)
    rows = shuffled[np.argsort(assigned[shuffled], kind="stable")]
    bucket = assigned[rows]
    place = np.arange(n) - (np.cumsum(counts) - counts)[bucket]  # in its bucket
    in_test = place < test[bucket]
    in_train = ~in_test & (place < (test + train)[bucket])
    return rng.permutation(rows[in_train]), rng.permutation(rows[in_test])


def _allot(counts, total, lower, upper, rng):
    """Return how many of `total` rows each bucket gives, within its bounds.

    In proportion to `counts`, rounded up or down: by a rule in spread over the
    buckets in order, so that chance is fair to each and neighbours make up for one
    another. Bounds that the total cannot meet are left out of account. All is done
    in whole numbers, so that nothing is off by one.
    """
    if lower.sum() > total:
        lower = np.zeros_like(lower)
    if upper.sum() < total:
        upper = counts
    given, free = np.zeros_like(counts), counts > 0
    while free.any():
        rest, held = total - given.sum(), counts[free].sum()
        under = np.where(free, lower * held - counts * rest, 0)
        over = np.where(free, counts * rest - upper * held, 0)
        missing, extra = under[under > 0].sum(), over[over > 0].sum()
        if missing == extra == 0:
            break
        # If raising to the lower bounds takes more than the upper bounds set free,
        # what is below stays below as the others give way; and the other way round.
        if missing >= extra:
            given = np.where(under > 0, lower, given)
            free &= under <= 0
        if extra >= missing:
            given = np.where(over > 0, upper, given)
            free &= over <= 0
    if free.any():
        whole, part = np.divmod(np.where(free, counts * rest, 0), held)
        steps = (np.cumsum(part) + rng.randint(held, dtype=np.int64)) // held
        given = given + whole + np.diff(steps, prepend=0)
    return given


def shares_of(group, assigned):
    """Return the share of each bucket, and of all rows, that each group holds."""
    n, n_buckets = len(group), assigned.max() + 1
    rows = np.concatenate([group, group])
    columns = np.concatenate([assigned, np.full(n, n_buckets)])
    counts = coo_array((np.ones(2 * n), (rows, columns))).tocsr()  # sums what is there
    counts.data /= np.bincount(columns)[counts.indices]
    return counts


def deal_groups(shares, n_splits, rng=None):
    """Return a fold for each group, such that every fold has its share of all."""
    n_groups, n_columns = shares.shape
    weight = np.asarray(shares.multiply(shares).sum(axis=1)).ravel()
    if rng is None:
        order = np.argsort(-weight, kind="stable")
    else:  # within a factor of 2 in weight at random
        order = np.lexsort((rng.permutation(n_groups), -np.frexp(weight)[1]))
    held, fold = np.zeros((n_columns, n_splits)), np.full(n_groups, -1)
    _move_groups(shares, held, fold, order)
    for _ in range(DESCENTS):
        moved = _move_groups(shares, held, fold, order)
        if n_groups**2 * n_columns <= MOST_PAIRS:
            moved |= _swap_groups(shares.toarray(), held, fold, order)
        if not moved:
            break
    return fold if rng is None else rng.permutation(n_splits)[fold]


def _move_groups(shares, held, fold, order):
    """Move each group to the fold where it adds least, and return whether any moved.

    What a fold holds of all columns is a column of `held`; both it and `fold`, -1 for
    a group without one, are kept up to date.
    """
    moved = False
    for g in order:
        entries = slice(*shares.indptr[g : g + 2])
        columns, share = shares.indices[entries], shares.data[entries]
        now = fold[g]
        if now >= 0:
            held[columns, now] -= share
        added = share @ held[columns]
        best = np.argmin(added)
        if now < 0 or added[best] < added[now] - SLACK:
            fold[g], moved = best, True
        held[columns, fold[g]] += share
    return moved


def _swap_groups(shares, held, fold, order):
    """Swap each group for the one of another fold that helps most, if any does.

    Groups of equal size have no other way to move: a fold would be a group short.
    With d the difference of two groups in folds a and b, a swap adds to the sum of
    squares ``2 * (held_a - held_b) @ d + 2 * d @ d``.
    """
    square, every, moved = (shares**2).sum(axis=1), np.arange(len(fold)), False
    overlap = shares @ held  # of each group with what each fold holds
    for g in order:
        a = fold[g]
        added = overlap[:, a] - overlap[every, fold] - overlap[g, a] + overlap[g, fold]
        added += square + square[g] - 2 * (shares @ shares[g])
        added[fold == a] = 0
        other = np.argmin(added)
        if added[other] < -SLACK:
            b, change = fold[other], shares[other] - shares[g]
            held[:, a] += change
            held[:, b] -= change
            overlap[:, [a, b]] = shares @ held[:, [a, b]]
            fold[g], fold[other], moved = b, a, True
    return moved
