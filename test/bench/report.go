package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// write makes the table and the plot.
func (b *bench) write(docs string) error {
	if err := os.WriteFile(filepath.Join(docs, "bench.md"), []byte(b.table()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(docs, "bench.svg"), []byte(b.plot()), 0o644)
}

func (b *bench) table() string {
	var text strings.Builder
	fmt.Fprintf(&text, "# Speed\n\nMade by `make bench` on %s, %d CPUs, %s, guests emulated. The reference is a\n"+
		"program that makes the libvirt calls and file writes of the verbs, the list of the domains and their definitions\n"+
		"included, and parses, compares and decides nothing. Times depend on\nthe machine; the ratios are what counts.\n\n"+
		"![ratios](bench.svg)\n\n| case | ours | bare | ratio | goal |\n|---|---:|---:|---:|---:|\n",
		time.Now().Format(time.DateOnly), runtime.NumCPU(), versions())
	for _, r := range b.results {
		name := r.name
		if r.note != "" {
			name += " (" + r.note + ")"
		}
		fmt.Fprintf(&text, "| %s | %s | %s | %.2f | %s |\n", name, round(r.ours), round(r.bare), r.ratio(), r.goalText())
	}
	fmt.Fprintf(&text, "\nFrom the lease to the told address: %s (goal 150 ms). Peak memory of the largest plan: %d MiB (goal 60 MiB).\n",
		round(b.lags.median()), b.memory>>20)
	return text.String()
}

// versions are of the tools whose time is measured.
func versions() string {
	var list []string
	for _, args := range [][]string{{"libvirtd", "--version"}, {"qemu-img", "--version"}} {
		out, err := exec.Command(args[0], args[1:]...).Output()
		if err == nil {
			line, _, _ := strings.Cut(string(out), "\n")
			list = append(list, line)
		}
	}
	return strings.Join(list, ", ")
}

// The plot: a bar for each ratio, a line for each goal.
const (
	barHeight, rowHeight = 16, 26
	left, scale, right   = 330, 110, 80
)

func (b *bench) plot() string {
	widest := 1.0
	for _, r := range b.results {
		widest = max(widest, r.ratio(), r.goal)
	}
	width, height := left+int(widest*scale)+right, 40+rowHeight*len(b.results)
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&svg, `<rect width="%d" height="%d" fill="white"/><text x="8" y="20">times the bare calls; the mark is the goal, grey has none</text>`+"\n", width, height)
	for i, r := range b.results {
		b.bar(&svg, 32+i*rowHeight, r)
	}
	return svg.String() + "</svg>\n"
}

func (b *bench) bar(svg *strings.Builder, y int, r result) {
	color, goal := "#4c9f70", left+int(r.goal*scale)
	switch {
	case r.goal == 0:
		color = "#999999"
	case r.ratio() > r.goal:
		color = "#d9873d"
	}
	fmt.Fprintf(svg, `<text x="%d" y="%d" text-anchor="end">%s</text>`, left-8, y+13, r.name)
	fmt.Fprintf(svg, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`, left, y, int(r.ratio()*scale), barHeight, color)
	if r.goal > 0 {
		fmt.Fprintf(svg, `<line x1="%d" x2="%d" y1="%d" y2="%d" stroke="black" stroke-width="2"/>`, goal, goal, y-3, y+barHeight+3)
	}
	fmt.Fprintf(svg, `<text x="%d" y="%d">%.2f</text>`+"\n", max(goal, left+int(r.ratio()*scale))+6, y+13, r.ratio())
}
