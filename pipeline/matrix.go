package pipeline

import (
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Matrix makes one job for each combination of its variables.
type Matrix struct {
	source
	Variables []Variable // in the order of the file
	Include   [][]variable
	Exclude   [][]variable
}

// Variable is one axis of a matrix.
type Variable struct {
	Name   string
	Values []string
}

type variable struct{ name, value string }

var matrixName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,62}$`)

func (m *Matrix) decode(d *decoder, n *yaml.Node, what string) {
	keys := d.pairs(n, what, func(key, value *yaml.Node) {
		switch key.Value {
		case "include":
			m.Include = d.rules(value, key.Value)
		case "exclude":
			m.Exclude = d.rules(value, key.Value)
		default:
			if d.matrixName(key) {
				m.Variables = append(m.Variables, Variable{key.Value, d.matrixValues(value, key.Value)})
			}
		}
	})
	m.setSource(n, keys)
	if len(m.Variables) > maxMatrixNames {
		d.problem(n, "the matrix has %d variables; at most %d are allowed", len(m.Variables), maxMatrixNames)
		m.Variables = nil
	} else {
		m.checkNames(d)
	}
	if n.Kind == yaml.MappingNode && len(m.Variables)+len(m.Include) == 0 {
		d.problem(n, "matrix has no variables: name one with a list of values")
	}
}

// checkNames refuses variables that scripts could not tell apart, and names in exclude that would exclude nothing.
func (m *Matrix) checkNames(d *decoder) {
	names := map[string]string{} // by the name of the environment variable
	check := func(name string) {
		other, ok := names[envOf(name)]
		if ok && other != name {
			d.problem(
				m.at(""),
				"the matrix variables %q and %q are both $%s in scripts: rename one of them",
				other,
				name,
				envOf(name),
			)
		}
		names[envOf(name)] = name
	}
	var lists []string
	for _, v := range m.Variables {
		lists = append(lists, v.Name)
		check(v.Name)
	}
	for _, cell := range m.Include {
		for _, v := range cell {
			check(v.name)
		}
	}
	for _, cell := range m.Exclude {
		for _, v := range cell {
			if !slices.Contains(lists, v.name) {
				d.problem(
					m.at("exclude"),
					"exclude names %q, of which the matrix has no list of values%s",
					v.name,
					suggestion(v.name, lists),
				)
			}
		}
	}
}

func (d *decoder) matrixName(key *yaml.Node) bool {
	if !matrixName.MatchString(key.Value) {
		d.problem(key, "%q is no name for a matrix variable: use letters, digits, _ and -", key.Value)
		return false
	}
	return true
}

func (d *decoder) matrixValues(n *yaml.Node, what string) []string {
	if len(n.Content) > maxListed {
		d.problem(n, "%s has %d values; the matrix may have %d combinations", what, len(n.Content), MaxCells)
		return nil
	}
	values := d.words(n, what)
	for i := range values {
		d.matrixValue(n.Content[i], what)
	}
	return values
}

func (d *decoder) matrixValue(n *yaml.Node, what string) {
	if len(n.Value) > maxMatrixValue {
		d.problem(n, "a value of %s has %d bytes; at most %d are allowed", what, len(n.Value), maxMatrixValue)
	}
}

// rules is a list of mappings from variable to value, as of include.
func (d *decoder) rules(n *yaml.Node, what string) (cells [][]variable) {
	if n.Kind != yaml.SequenceNode {
		d.problem(n, "%s must be a list of mappings, not %s", what, kindOf(n))
		return nil
	}
	if len(n.Content) > maxMatrixRules {
		d.problem(n, "%s has %d combinations; at most %d are allowed", what, len(n.Content), maxMatrixRules)
		return nil
	}
	for _, c := range n.Content {
		var cell []variable
		d.pairs(c, what, func(key, value *yaml.Node) {
			if d.matrixName(key) {
				d.matrixValue(value, key.Value)
				cell = append(cell, variable{key.Value, d.text(value, key.Value)})
			}
		})
		if len(cell) > maxMatrixNames {
			d.problem(c, "a combination has %d variables; at most %d are allowed", len(cell), maxMatrixNames)
			continue
		}
		cells = append(cells, cell)
	}
	return cells
}

// expand is the product without what is excluded, with what is included.
// An included cell adds its other variables to each cell that it agrees with;
// one that agrees with none is a cell of its own.
func (m *Matrix) expand(d *decoder) [][]variable {
	count := 1
	for _, v := range m.Variables {
		count = min(count*len(v.Values), 1_000_000) // a file has no more than that to show
	}
	if count > MaxCells {
		d.problem(m.at(""), "the matrix has %d combinations; at most %d are allowed", count, MaxCells)
		return nil
	}
	cells := [][]variable{{}}
	for _, v := range m.Variables {
		var next [][]variable
		for _, c := range cells {
			for _, value := range v.Values {
				next = append(next, append(slices.Clone(c), variable{v.Name, value}))
			}
		}
		cells = next
	}
	if len(m.Variables) == 0 {
		cells = nil
	}
	cells = slices.DeleteFunc(cells, func(c []variable) bool {
		return slices.ContainsFunc(m.Exclude, func(ex []variable) bool { return contains(c, ex) })
	})
	product := len(cells)
	for _, in := range m.Include {
		if added := m.extend(d, cells[:product], in); !added {
			cells = append(cells, slices.Clone(in))
		}
	}
	switch {
	case len(cells) > MaxCells:
		d.problem(m.at("include"), "the matrix has %d combinations; at most %d are allowed", len(cells), MaxCells)
		return nil
	case len(cells) == 0 && len(m.Exclude) > 0:
		d.problem(m.at("exclude"), "exclude leaves no combination of the matrix")
	}
	return cells
}

func (m *Matrix) extend(d *decoder, cells [][]variable, in []variable) (added bool) {
	var shared, extra []variable
	for _, v := range in {
		if slices.ContainsFunc(m.Variables, func(x Variable) bool { return x.Name == v.name }) {
			shared = append(shared, v)
		} else {
			extra = append(extra, v)
		}
	}
	for i, c := range cells {
		if !contains(c, shared) {
			continue
		}
		added = true
		if len(c)+len(extra) > 2*maxMatrixNames {
			d.problem(m.at("include"), "a combination has more than %d variables", 2*maxMatrixNames)
			panic(exhausted{})
		}
		for _, v := range extra {
			c = slices.DeleteFunc(slices.Clone(c), func(old variable) bool { return old.name == v.name })
			c = append(c, v)
		}
		cells[i] = c
	}
	return added
}

func contains(cell, part []variable) bool {
	for _, v := range part {
		if !slices.Contains(cell, v) {
			return false
		}
	}
	return true
}

// label is how a cell is shown: "1.26, linux".
func label(cell []variable) string {
	var values []string
	for _, v := range cell {
		values = append(values, v.value)
	}
	return oneLine(joined(values, ", "))
}

// matrixEnv gives the values to scripts: MATRIX_GO=1.26.
func matrixEnv(cell []variable) Env {
	env := Env{}
	for _, v := range cell {
		env[envOf(v.name)] = v.value
	}
	return env
}

func envOf(name string) string {
	return "MATRIX_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// cutExpression returns the first ${{ ... }} of a text, and what stands before and after it. found is empty where
// there is none. A regular expression would do the same at many times the cost in memory, which strangers cause.
func cutExpression(text string) (before, found, after string) {
	for at := 0; ; {
		begin := strings.Index(text[at:], "${{")
		if begin < 0 {
			return text, "", ""
		}
		begin += at
		end := strings.IndexByte(text[begin:], '}')
		if end < 0 {
			return text, "", ""
		}
		end += begin
		if strings.HasPrefix(text[end:], "}}") {
			return text[:begin], text[begin : end+2], text[end+2:]
		}
		at = end + 1
	}
}

// insideOf returns what an expression asks for: matrix.NAME.
func insideOf(expression string) string {
	return strings.TrimSpace(expression[len("${{") : len(expression)-len("}}")])
}

// What looking at an expression costs, counted as bytes; that of an unknown name is held against all others.
const fillCost, unknownCost = 64, 8 << 10

// fill replaces ${{ matrix.NAME }}, the only interpolation there is.
func (d *decoder) fill(text string, cell []variable, n *yaml.Node) string {
	if !strings.Contains(text, "${{") {
		return text
	}
	d.spend(n, len(text))
	var filled strings.Builder
	for rest := text; ; {
		before, found, after := cutExpression(rest)
		filled.WriteString(before)
		if found == "" {
			if i := strings.Index(before, "${{"); i >= 0 {
				d.problem(
					n,
					"%s cannot be filled in: write ${{ matrix.NAME }}, with two closing braces; there are no other expressions",
					before[i:],
				)
			}
			return filled.String()
		}
		filled.WriteString(d.fillOne(found, cell, n))
		rest = after
	}
}

// fillOne returns what an expression stands for in a combination.
func (d *decoder) fillOne(expression string, cell []variable, n *yaml.Node) string {
	name, ok := strings.CutPrefix(insideOf(expression), "matrix.")
	d.spend(n, fillCost)
	if !ok {
		d.problem(
			n,
			"%s cannot be filled in: only ${{ matrix.NAME }} can; everything else is an environment variable",
			expression,
		)
		return ""
	}
	var names []string
	for _, v := range cell {
		if v.name == name {
			d.spend(n, len(v.value))
			return v.value
		}
		names = append(names, v.name)
	}
	d.spend(n, unknownCost)
	switch hint := suggestion(name, names); {
	case len(cell) == 0:
		d.problem(n, "%s: this job has no matrix", expression)
	case hint != "":
		d.problem(n, "the matrix has no variable %q%s", name, hint)
	default:
		d.problem(n, "the matrix has no variable %q in its combination (%s)", name, label(cell))
	}
	return ""
}
