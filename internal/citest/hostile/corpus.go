package hostile

import (
	"fmt"
	"strconv"
	"strings"
)

// Corpus returns files that aim at expansion: a small text that would make the server produce a large one.
// It is made by rule, so that it is the same in each run.
func Corpus() map[string]string {
	c := map[string]string{}
	for name, text := range Shapes() {
		c["shape: "+name] = text
	}
	big := func(n int) string { return strings.Repeat("x", n) }
	values := func(n, size int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("%q", fmt.Sprintf("%d%s", i, big(size))))
		}
		return "[" + strings.Join(list, ", ") + "]"
	}
	lines := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(format, "#", strconv.Itoa(i)) + "\n")
		}
		return b.String()
	}
	head := "image: a\n"
	for _, size := range []int{1_000, 100_000} {
		for cells, axis := range map[string]string{"one cell": values(1, size), "many cells": values(max(2, min(50, 150_000/size)), size)} {
			m := head + "matrix: {a: " + axis + "}\n"
			name := fmt.Sprintf("matrix: %d bytes, %s, ", size, cells)
			c[name+"env"] = m + "steps: [x]\nenv: {A: \"" + strings.Repeat("${{matrix.a}}", 2000) + "\"}\n"
			c[name+"step env"] = m + "steps:\n" + lines(90, "- {run: x#, env: {A: \""+strings.Repeat("${{matrix.a}}", 40)+"\"}}")
			c[name+"unknown"] = m + "steps: [x]\nenv: {A: \"" + strings.Repeat("${{matrix.zzz}}", 3000) + "\"}\n"
			c[name+"unknown in many"] = m + "steps: [x]\nenv:\n" + lines(3000, "  A#: ${{matrix.z#}}")
			c[name+"image"] = "image: \"" + strings.Repeat("${{matrix.a}}", 2000) + "\"\nmatrix: {a: " + axis + "}\nsteps: [x]\n"
			c[name+"names"] = m + "steps:\n" + lines(90, "- {run: x, name: \"# "+strings.Repeat("${{matrix.a}}", 20)+"\"}")
			c[name+"resources"] = m + "steps: [x]\nresources: {cpu: \"" + strings.Repeat("${{matrix.a}}", 2000) + "\"}\n"
			c[name+"working_directory"] = m + "steps: [x]\nworking_directory: \"" + strings.Repeat(
				"${{matrix.a}}",
				2000,
			) + "\"\n"
			c[name+"jobs"] = head + "jobs:\n" + lines(
				40,
				"  j#: {matrix: {a: ["+fmt.Sprintf("%q", big(size/40))+", b]}, steps: [x]}",
			)
		}
	}
	c["cells: 50 jobs of 50"] = head + "jobs:\n" + lines(
		50,
		"  j#: {matrix: {a: "+values(50, 1)+"}, steps: ["+strings.Repeat("x, ", 30)+"x]}",
	)
	c["cells: as large as is allowed"] = head + "matrix: {a: " + values(50, 1) + "}\nsteps:\n" + lines(95, "- echo #")
	c["cells: with env"] = head + "matrix: {a: " + values(
		50,
		1,
	) + "}\nenv:\n" + lines(
		2000,
		"  A#: b",
	) + "steps:\n" + lines(
		50,
		"- echo #",
	)
	c["cells: with scripts"] = head + "matrix: {a: " + values(
		50,
		1,
	) + "}\nsteps:\n- |\n" + lines(
		5000,
		"  echo # "+big(30),
	)
	c["cells: many axes"] = head + "matrix: {" + strings.ReplaceAll(
		lines(300, "a#: ['1'],"),
		"\n",
		" ",
	) + "}\nsteps: [x]\n"
	c["cells: product"] = head + "matrix: {" + strings.ReplaceAll(
		lines(49, "a#: ['1', '2'],"),
		"\n",
		" ",
	) + "}\nsteps: [x]\n"
	c["include: many for all"] = head + "matrix:\n  a: " + values(
		50,
		1,
	) + "\n  include:\n" + lines(
		199,
		"  - {b#: c}",
	) + "steps: [x]\n"
	c["include: large"] = head + "matrix:\n  a: " + values(
		50,
		1,
	) + "\n  include:\n" + lines(
		190,
		"  - {b#: "+big(1000)+"}",
	) + "steps: [x]\n"
	c["include: wide"] = head + "matrix:\n  include:\n  - {" + strings.ReplaceAll(
		lines(3000, "b#: c,"),
		"\n",
		" ",
	) + "}\nsteps: [x]\n"
	c["exclude: many"] = head + "matrix:\n  a: " + values(
		50,
		1,
	) + "\n  exclude:\n" + lines(
		5000,
		"  - {a: 'q#'}",
	) + "steps: [x]\n"
	c["names: one for all"] = head + "steps:\n" + lines(5000, "- {name: a, run: b}")
	c["names: long"] = head + "steps:\n" + lines(20, "- {name: \"#"+big(10_000)+"\", run: b}")
	c["names: of jobs"] = head + "jobs:\n" + lines(4000, "  j#: {steps: [x]}")
	c["env: many layers"] = head + "env: &e\n" + lines(
		3000,
		"  A#: b",
	) + "steps:\n" + lines(
		90,
		"- {run: x#, env: {<<: *e}}",
	)
	c["env: aliases of one text"] = head + "x-a: &a \"" + big(
		60_000,
	) + "\"\nsteps:\n" + lines(
		90,
		"- {run: x#, env: {A: *a}}",
	)
	c["words: aliases"] = head + "x-a: &a \"$" + big(
		100_000,
	) + "\"\nsteps:\n- run: [" + strings.Repeat(
		"*a, ",
		150,
	) + "*a]\n"
	c["words: of services"] = head + "x-a: &a \"$" + big(100_000) + "\"\nservices:\n" +
		lines(10, "- {name: s#, image: b, command: ["+strings.Repeat("*a, ", 150)+"*a]}") + "steps: [x]\n"
	c["words: of shells"] = head + "x-a: &a \"$" + big(
		100_000,
	) + "\"\nsteps:\n" + lines(
		90,
		"- {run: x, shell: ["+strings.Repeat("*a, ", 150)+"*a]}",
	)
	c["scripts: aliases"] = head + "x-a: &a \"" + big(200_000) + "\"\nsteps: [" + strings.Repeat("*a, ", 99) + "*a]\n"
	c["lists: of events"] = head + "x-e: &e [" + strings.Repeat(
		"push, ",
		15_000,
	) + "push]\nsteps: [{run: x, when: {event: *e}}]\n"
	c["lists: of secrets"] = head + "x-s: &s [" + strings.Repeat(
		"A, ",
		180,
	) + "A]\nsteps:\n" + lines(
		90,
		"- {run: x, secrets: *s}",
	)
	c["lists: of exit codes"] = head + "steps: [{run: x, retry: {attempts: 2, on_exit: [" + strings.Repeat(
		"1, ",
		15_000,
	) + "1]}}]\n"
	c["patterns: many"] = "on: {pull_request: {paths: [" + strings.Repeat(
		"'**/x', ",
		15_000,
	) + "y]}}\n" + head + "steps: [x]\n"
	c["patterns: shared"] = head + "x-p: &p [" + strings.Repeat(
		"'**/x', ",
		190,
	) + "y]\nsteps:\n" + lines(
		90,
		"- {run: x, when: {paths: *p}}",
	)
	c["patterns: stars"] = "on: {pull_request: {paths: [" + strings.Repeat(
		"'"+strings.Repeat("*a", 100)+"', ",
		1000,
	) + "y]}}\n" + head + "steps: [x]\n"
	c["patterns: alternatives"] = "on: {pull_request: {paths: ['" + strings.Repeat(
		"{a,a}",
		40,
	) + "']}}\n" + head + "steps: [x]\n"
	c["patterns: nested alternatives"] = "on: {pull_request: {branches: ['" + strings.Repeat(
		"{a,{b,",
		40,
	) + strings.Repeat(
		"}}",
		40,
	) + "']}}\n" + head + "steps: [x]\n"
	c["patterns: as many as are allowed"] = "on: {pull_request: {paths: [" + strings.Repeat(
		"'**/*x*/{a,b}/*.y', ",
		1999,
	) + "z]}}\n" + head + "steps: [x]\n"
	c["patterns: of cells"] = head + "matrix: {a: " + values(
		50,
		1,
	) + "}\nsteps:\n" + lines(
		90,
		"- {run: x, when: {branch: ["+strings.Repeat("'*a*', ", 20)+"main]}}",
	)
	c["needs: a full graph"] = head + "steps:\n" + fullGraph(100)
	c["needs: a full graph of cells"] = head + "matrix: {a: " + values(50, 1) + "}\nsteps:\n" + fullGraph(60)
	c["needs: a full graph of jobs"] = head + "jobs:\n" + jobGraph(50)
	c["needs: a long circle"] = head + "steps:\n" + lines(
		99,
		"- {name: s#, run: x, needs: [s99]}",
	) + "- {name: s99, run: x, needs: [s0]}\n"
	c["needs: unknown"] = head + "steps:\n" + lines(99, "- {name: s#, run: x, needs: ["+strings.Repeat("t, ", 150)+"u]}")
	c["needs: weights"] = head + "matrix: {a: " + values(50, 1) + "}\nsteps:\n" + weights(100)
	c["problems: each line"] = head + "steps: [x]\n" + lines(15_000, "k#: v")
	c["problems: long keys"] = head + "steps: [x]\n" + lines(20, "? \"#"+big(10_000)+"\"\n: v")
	c["problems: in each cell"] = head + "matrix: {a: " + values(
		50,
		1,
	) + "}\nsteps:\n" + lines(
		90,
		"- {run: x#, image: \"-${{matrix.a}}\"}",
	)
	c["problems: bidi"] = strings.Repeat("#\u202e\n", 40_000)
	c["problems: line breaks"] = strings.Repeat("#\u2028\n", 40_000)
	c["problems: tags"] = "image: a\nsteps:\n" + lines(9_000, "- ! x")
	c["problems: control characters"] = head + "steps: [x]\n\"" + strings.Repeat("\\x01", 200) + "\": v\n"
	c["problems: secrets"] = head + "steps:\n" + lines(90, "- {run: x#, secrets: [A"+big(2000)+"]}")
	c["anchors: chain"] = "x-a0: &a0 [x]\n" + lines(500, "x-#: &b# [*a0]") + head + "steps: [x]\n"
	c["anchors: of merges"] = "x-0: &m {a: b}\n" + head + "env: {<<: [" + strings.Repeat(
		"*m, ",
		15_000,
	) + "*m]}\nsteps: [x]\n"
	c["long lines"] = head + "steps: [\"" + strings.Repeat("é😀 ", 25_000) + "\"]\n"
	c["unicode names"] = head + "steps:\n" + lines(90, "- {run: x, name: \"#"+strings.Repeat("😀", 290)+"\"}")
	c["brackets in a script"] = head + "steps:\n- |\n" + strings.Repeat("  [{[{[{[{[{[{\n", 15_000)
	c["blank lines"] = head + "steps:\n- |\n  x\n" + strings.Repeat("\n", 200_000) + "- y\n"
	c["env: of many jobs"] = head + "env:\n" + lines(4900, "  A#: b") + "jobs:\n" + lines(4900, "  j#: {}")
	c["working_directory: of cells"] = head + "matrix: {a: " + values(
		50,
		1,
	) + "}\nx-w: &w '" + strings.Repeat(
		"a/./",
		40_000,
	) +
		"'\nsteps:\n" + lines(
		95,
		"- {run: x#, working_directory: *w}",
	)
	for name, script := range map[string]string{"titles": strings.Repeat("\\n#", 60_000), "shebangs": "#!" + strings.Repeat("env ", 40_000)} {
		c["scripts: aliases in jobs, "+name] = head + "x-w: &w \"" + script + "\"\nx-s: &s [" + strings.Repeat(
			"*w, ",
			99,
		) + "*w]\njobs:\n" +
			lines(
				50,
				"  j#: {steps: *s}",
			)
	}
	c["aliases: on a long line"] = "x-l: [&a x, '" + strings.Repeat(
		"é",
		90_000,
	) + "', &b y]\nx-s: &s [" + strings.Repeat(
		"*a, *b, ",
		49,
	) + "*a, *b]\n" +
		head + "jobs:\n" + lines(
		50,
		"  j#: {steps: *s}",
	)
	c["needs: names alike"] = head + "steps:\n" + lines(
		60,
		"- {name: '"+big(34)+"#', run: x, needs: ["+strings.Repeat(big(33)+"y#, ", 80)+"y]}",
	)
	c["amounts: exponents"] = head + "steps:\n" + lines(90, "- {run: x#, resources: {cpu: 1e9999999, memory: 1e-9999999}}")
	c["amounts: largest"] = head + "resources: {cpu: 9E, memory: 9Ei, disk: 1e99}\nsteps:\n" + lines(
		90,
		"- {run: x#, needs: []}",
	)
	c["expressions in a script"] = head + "matrix: {a: ['1']}\nsteps:\n- |\n" + strings.Repeat(
		"  ${{ matrix.a }}\n",
		12_000,
	)
	return c
}

func fullGraph(n int) string {
	var b strings.Builder
	var names []string
	for i := range n {
		fmt.Fprintf(&b, "- {name: s%d, run: x, needs: [%s]}\n", i, strings.Join(names, ", "))
		names = append(names, fmt.Sprintf("s%d", i))
	}
	return b.String()
}

func jobGraph(n int) string {
	var b strings.Builder
	var names []string
	for i := range n {
		fmt.Fprintf(&b, "  j%d: {steps: [x], needs: [%s]}\n", i, strings.Join(names, ", "))
		names = append(names, fmt.Sprintf("j%d", i))
	}
	return b.String()
}

// weights is a graph of two layers whose maximal flow takes many steps to find.
func weights(n int) string {
	var b strings.Builder
	var names []string
	for i := range n {
		needs := "[]"
		if i >= n/2 {
			needs = "[" + strings.Join(names[i%7:n/2], ", ") + "]"
		}
		fmt.Fprintf(
			&b,
			"- {name: s%d, run: x, needs: %s, resources: {cpu: %dm, memory: %dMi}}\n",
			i,
			needs,
			1+i*i%997,
			1+i*37%499,
		)
		names = append(names, fmt.Sprintf("s%d", i))
	}
	return b.String()
}

// Paths returns as many changed paths as GitHub lists, made to match late.
func Paths() []string {
	paths := make([]string, 3000)
	for i := range paths {
		paths[i] = strings.Repeat("a", 180) + fmt.Sprint(i)
	}
	return paths
}
