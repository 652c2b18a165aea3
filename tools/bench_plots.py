#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws what `linstub bench report --plots DIR` has counted (src/bench/figures.hpp): JSON on standard
input, pictures in DIR, each as SVG and PNG. Prints their names."""

import json
import os
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "linstub", "font.size": 8, "axes.spines.top": False,
                            "axes.spines.right": False})
import matplotlib.pyplot as plt

COLORS = ["#4c72b0", "#dd8452", "#55a868", "#c44e52", "#8172b3", "#937860", "#da8bc3"]


def save(figure, directory, name):
    for kind, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
        path = os.path.join(directory, name + "." + kind)
        figure.savefig(path, dpi=110, bbox_inches="tight", metadata=metadata)
        print(path)
    plt.close(figure)


def color(figures, contender):
    names = [one["name"] for one in figures["contenders"]]
    return COLORS[names.index(contender) % len(COLORS)]


def what(figures, contender):
    return next(one["what"] for one in figures["contenders"] if one["name"] == contender)


def draw_start(figures, directory):
    """Stages of a start, one bar for each contender."""
    starts = figures["starts"]
    if not starts:
        return
    stages = []
    for start in starts:
        stages += [stage["what"] for stage in start["stages"] if stage["what"] not in stages]
    order = ["libxl, until the stub domain is built", "the stub domain's kernel", "its devices"]
    stages.sort(key=lambda stage: order.index(stage) if stage in order else len(order))
    figure, axes = plt.subplots(figsize=(9, 0.8 + 0.5 * len(starts)))
    shown = set()
    for row, start in enumerate(starts):
        left = 0
        for stage in start["stages"]:
            label = None if stage["what"] in shown else stage["what"]
            shown.add(stage["what"])
            axes.barh(row, stage["seconds"], left=left, height=0.6, label=label,
                      color=COLORS[stages.index(stage["what"]) % len(COLORS)])
            left += stage["seconds"]
        axes.text(left, row, " %.1f s" % left, va="center")
    axes.set_yticks(range(len(starts)), [what(figures, one["contender"]) for one in starts])
    axes.invert_yaxis()
    axes.set_xlabel("s since xl create began, medians")
    handles, labels = axes.get_legend_handles_labels()
    in_order = sorted(zip(labels, handles), key=lambda pair: stages.index(pair[0]))
    axes.legend([pair[1] for pair in in_order], [pair[0] for pair in in_order], ncols=3,
                loc="upper center", bbox_to_anchor=(0.5, -0.3), frameon=False)
    save(figure, directory, "start")


def grid_of(count, width, height):
    """So many small pictures of that size, three in a row."""
    columns = min(3, count)
    rows = -(-count // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(width * columns, height * rows),
                                squeeze=False)
    for axes in grid.flat[count:]:
        axes.set_visible(False)
    return figure, grid


def draw_group(figures, directory, group):
    """Every sample of each metric of a group: points beside a box."""
    metrics = [one for one in figures["metrics"] if one["group"] == group]
    figure, grid = grid_of(len(metrics), 3.2, 2.1)
    for axes, metric in zip(grid.flat, metrics):
        for place, one in enumerate(metric["of"]):
            values = one["values"]
            axes.boxplot(values, positions=[place], widths=0.5, showfliers=False,
                         medianprops={"color": "black"})
            spread = [place + 0.3 * (i / max(1, len(values) - 1) - 0.5) for i in range(len(values))]
            axes.plot(spread, values, "o", markersize=3, alpha=0.7,
                      color=color(figures, one["contender"]))
        axes.set_xticks(range(len(metric["of"])),
                        ["%s\n%d" % (one["contender"], len(one["values"])) for one in metric["of"]])
        axes.set_title(metric["what"].replace("`", ""), fontsize=7)
        axes.set_ylabel(metric["unit"])
        axes.set_ylim(bottom=0)
    figure.suptitle(metrics[0]["title"] + ": every sample; below each name how many")
    figure.tight_layout()
    save(figure, directory, group)


def draw_ratios(figures, directory):
    """The ratio of each metric to QEMU in dom0, with its interval; QEMU in dom0 to itself in grey."""
    metrics = [one for one in figures["metrics"] if any("ratio" in of for of in one["of"])]
    if not metrics:
        return
    figure, axes = plt.subplots(figsize=(8, 1 + 0.32 * len(metrics)))
    labels = set()

    def draw(ratio, row, shade, label):
        axes.errorbar(ratio["value"], row, fmt="o", markersize=4, color=shade, capsize=2,
                      xerr=[[max(0, ratio["value"] - ratio["low"])],
                            [max(0, ratio["high"] - ratio["value"])]],
                      label=None if label in labels else label)
        labels.add(label)

    for row, metric in enumerate(metrics):
        if "noise" in metric:
            draw(metric["noise"], row + 0.3, "#999999", what(figures, "dom0") + ", twice: the noise")
        ratios = [of for of in metric["of"] if "ratio" in of]
        for place, of in enumerate(ratios):
            draw(of["ratio"], row - 0.25 + 0.18 * place, color(figures, of["contender"]),
                 what(figures, of["contender"]))
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda x, _: "%g" % x))
    axes.set_yticks(range(len(metrics)), [one["what"].replace("`", "") for one in metrics])
    axes.set_ylim(len(metrics) - 0.5, -0.6)
    axes.set_xlabel("times QEMU in dom0: less is better; the interval of 95 of 100 draws")
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2, frameon=False)
    save(figure, directory, "ratios")


def draw_densities(figures, directory):
    """Costs over the number of guests: what was measured, and the line through it."""
    densities = figures["densities"]
    if not densities:
        return
    figure, grid = grid_of(len(densities), 3.4, 2.4)
    for axes, density in zip(grid.flat, densities):
        for of in density["of"]:
            shade = color(figures, of["contender"])
            guests = [point[0] for point in of["points"]]
            axes.plot(guests, [point[1] for point in of["points"]], "o", markersize=3, color=shade,
                      label=of["contender"])
            most = 2 * max(guests)
            near = [pair for pair in of["error"] if pair[0] <= most + 10]
            middle = [of["base"] + of["each"] * pair[0] for pair in near]
            axes.plot([pair[0] for pair in near], middle, "-", linewidth=0.8, color=shade)
            axes.fill_between([pair[0] for pair in near],
                              [at - 2 * pair[1] for at, pair in zip(middle, near)],
                              [at + 2 * pair[1] for at, pair in zip(middle, near)],
                              color=shade, alpha=0.15)
            axes.set_xlim(0, most)
        axes.set_title(density["what"].replace("`", ""), fontsize=7)
        axes.set_ylabel(density["unit"])
        axes.set_xlabel("guests")
    grid.flat[0].legend(frameon=False)
    figure.suptitle("Many guests: points are measured, lines are a model (twice its standard error)")
    figure.tight_layout()
    save(figure, directory, "density")


def main():
    directory = sys.argv[1]
    figures = json.load(sys.stdin)
    os.makedirs(directory, exist_ok=True)
    draw_start(figures, directory)
    groups = []
    for metric in figures["metrics"]:
        if metric["group"] not in groups:
            groups.append(metric["group"])
    for group in groups:
        # The stages of a start have a picture of their own.
        if group != "start":
            draw_group(figures, directory, group)
    draw_ratios(figures, directory)
    draw_densities(figures, directory)


main()
