// Package hostile makes files of a stranger who wants to harm a server: small texts
// that aim at making it produce, keep or send large ones. They are made by rule,
// so that they are the same in each run. Tests alone use it.
package hostile

import (
	"fmt"
	"strings"
)

// maxFileBytes is the largest file that a server reads.
const maxFileBytes = 256 << 10

// Shapes returns files that are no pipelines, made to cost the server more than they cost their author.
func Shapes() map[string]string {
	bomb := "x-a: &a [x,x,x,x,x,x,x,x,x]\n"
	merges := "x-a: &a {k1: 1, k2: 2, k3: 3, k4: 4}\n"
	for c := 'b'; c <= 'i'; c++ {
		p := string(c - 1)
		bomb += "x-" + string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+p+",", 8) + "*" + p + "]\n"
		merges += "x-" + string(c) + ": &" + string(c) + " {<<: [" + strings.Repeat("*"+p+",", 20) + "*" + p + "]}\n"
	}
	var blocks, keys strings.Builder
	for i := 0; blocks.Len() < 250_000; i++ {
		blocks.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	block := blocks.String()
	full := maxFileBytes - 100
	fill := func(line string) string { return strings.Repeat(line, full/len(line)) }
	for i := 0; keys.Len() < full; i++ {
		fmt.Fprintf(&keys, "kez%d: 1\n", i)
	}
	unique := keys.String()
	return map[string]string{
		"alias bomb": bomb + "image: a\nsteps: *i\n", "merge bomb": merges + "image: a\nsteps: [*i]\n",
		"deep flow": "steps: " + strings.Repeat("[", 100_000), "deep flow over lines": strings.Repeat("[[[[[\n", 20_000),
		"deep block": strings.Repeat("- ", 50_000) + "x", "deep mappings": block, "deep keys": fill("? "),
		"huge": strings.Repeat("#", maxFileBytes+1), "utf-16": "\xff\xfei\x00m\x00",
		"nul": "image: \"a\\0\"\nsteps: [x]\n", "tab": "steps:\n\t- x\n", "merge loop": "a: &a\n  <<: *a\n",
		"two documents": "image: a\nsteps: [x]\n---\nb: 1\n", "only a comment": "# hi\n",
		"the same key": fill(
			"a: 1\n",
		), "unknown keys": unique, "anchors": fill("- &a x\n"), "empty steps": "image: a\nsteps:\n" + fill("-\n"),
		"many documents": fill(
			"---\n",
		), "commas": "[" + fill("a,") + "]", "quotes": fill("\"a\": 'b'\n"), "literal": "steps: |\n" + fill(" x\n"),
		"aliases": "x-a: &a {b: c}\nsteps:\n" + fill(
			"- *a\n",
		), "matrix": "image: a\nmatrix: {a: [" + fill("'1',") + "]}\nsteps: [x]\n",
		"include":     "image: a\nmatrix:\n  a: ['1']\n  include:\n" + fill("  - {b: c}\n") + "steps: [x]\n",
		"needs":       "image: a\nsteps:\n" + fill("- {run: a, needs: [b]}\n"),
		"expressions": "image: " + fill("${{ a }}") + "\nsteps: [x]\n",
	}
}
