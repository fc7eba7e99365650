package pipeline

import (
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Matrix creates one job for each combination of the values of its variables.
type Matrix struct {
	source
	Variables []Variable // in the order of the file
	Include   []combination
	Exclude   []combination
}

// Variable is a variable of a matrix with its values.
type Variable struct {
	Name   string
	Values []string
}

// variable is a variable of a matrix with one value.
type variable struct{ name, value string }

// combination has one value for each variable of a matrix. It is nil for a job without a matrix.
type combination []variable

// contains reports whether c has all values of part.
func (c combination) contains(part combination) bool {
	for _, v := range part {
		if !slices.Contains(c, v) {
			return false
		}
	}
	return true
}

// label returns the values as people see them: "1.26, linux".
func (c combination) label() string {
	var values []string
	for _, v := range c {
		values = append(values, v.value)
	}
	return oneLine(joinShort(values, ", "))
}

// env returns the values as variables of scripts: MATRIX_GO=1.26.
func (c combination) env() Env {
	env := Env{}
	for _, v := range c {
		env[matrixEnvName(v.name)] = v.value
	}
	return env
}

// matrixEnvName returns the name of the environment variable for a matrix variable.
func matrixEnvName(name string) string {
	return "MATRIX_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

var matrixName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,62}$`)

// decode accepts a mapping from variables to lists of values, in which include and exclude have a
// meaning of their own.
func (m *Matrix) decode(d *decoder, n *yaml.Node, what string) {
	keys := d.pairs(n, what, func(key, value *yaml.Node) {
		switch key.Value {
		case "include":
			m.Include = d.combinationList(value, key.Value)
		case "exclude":
			m.Exclude = d.combinationList(value, key.Value)
		default:
			if d.checkMatrixName(key) {
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
		d.problem(n, "matrix has no variables. Add one with a list of values")
	}
}

// checkNames reports variables that have the same name in scripts, and names under exclude that the
// matrix does not have.
func (m *Matrix) checkNames(d *decoder) {
	names := map[string]string{} // by the name of the environment variable
	check := func(name string) {
		env := matrixEnvName(name)
		if other, ok := names[env]; ok && other != name {
			d.problem(m.at(""), "the matrix variables %q and %q are both $%s in scripts. Rename one of them", other, name, env)
		}
		names[env] = name
	}

	var declared []string
	for _, v := range m.Variables {
		declared = append(declared, v.Name)
		check(v.Name)
	}
	for _, included := range m.Include {
		for _, v := range included {
			check(v.name)
		}
	}
	for _, excluded := range m.Exclude {
		for _, v := range excluded {
			if !slices.Contains(declared, v.name) {
				d.problem(m.at("exclude"), "exclude names %q, but the matrix has no list of values for it%s",
					v.name, suggestion(v.name, declared))
			}
		}
	}
}

// checkMatrixName reports a name that cannot become part of an environment variable, and returns
// false for it.
func (d *decoder) checkMatrixName(key *yaml.Node) bool {
	if !matrixName.MatchString(key.Value) {
		d.problem(key, "%q is not a valid name for a matrix variable. Use letters, digits, _ and -", key.Value)
		return false
	}
	return true
}

// matrixValues decodes the values of one variable.
func (d *decoder) matrixValues(n *yaml.Node, name string) []string {
	switch {
	case n.Kind != yaml.SequenceNode || len(n.Content) == 0:
		d.problem(n, `matrix.%s must be a list, for example ["1.25", "1.26"]`, name)
		return nil
	case len(n.Content) > maxListItems:
		d.problem(n, "matrix.%s has %d values; a matrix can have at most %d "+
			"combinations", name, len(n.Content), MaxCombinations)
		return nil
	}
	values := d.stringList(n, name)
	for i := range values {
		d.checkMatrixValue(n.Content[i], name)
	}
	return values
}

// checkMatrixValue reports a value that is too long. Each value is repeated in every combination,
// and in the environment of every step.
func (d *decoder) checkMatrixValue(n *yaml.Node, name string) {
	if len(n.Value) > maxMatrixValueBytes {
		d.problem(n, "a value of %s has %d bytes; at most %d are allowed", name, len(n.Value), maxMatrixValueBytes)
	}
}

// combinationList decodes include or exclude: a list of mappings from a variable to a value.
func (d *decoder) combinationList(n *yaml.Node, what string) (list []combination) {
	if n.Kind != yaml.SequenceNode {
		d.problem(n, "%s must be a list of mappings, not %s", what, kindOf(n))
		return nil
	}
	if len(n.Content) > maxMatrixRules {
		d.problem(n, "%s has %d combinations; at most %d are allowed", what, len(n.Content), maxMatrixRules)
		return nil
	}

	for _, item := range n.Content {
		var c combination
		d.pairs(item, what, func(key, value *yaml.Node) {
			if d.checkMatrixName(key) {
				d.checkMatrixValue(value, key.Value)
				c = append(c, variable{key.Value, d.string(value, key.Value)})
			}
		})
		if len(c) > maxMatrixNames {
			d.problem(item, "a combination has %d variables; at most %d are allowed", len(c), maxMatrixNames)
			continue
		}
		list = append(list, c)
	}
	return list
}

// combinations returns the product of the variables, without what exclude matches and with what
// include adds, as in GitHub Actions: an included combination adds its other variables to every
// combination whose values it matches, and is a combination of its own if it matches none.
func (m *Matrix) combinations(d *decoder) []combination {
	count := 1
	for _, v := range m.Variables {
		count = min(count*len(v.Values), 1_000_000) // the limit prevents an overflow
	}
	if count > MaxCombinations {
		d.problem(m.at(""), "the matrix has %d combinations; at most %d are allowed", count, MaxCombinations)
		return nil
	}

	list := slices.DeleteFunc(m.product(), func(c combination) bool {
		return slices.ContainsFunc(m.Exclude, c.contains)
	})
	product := len(list)
	for _, included := range m.Include {
		if matched := m.extend(d, list[:product], included); !matched {
			list = append(list, slices.Clone(included))
		}
	}

	switch {
	case len(list) > MaxCombinations:
		d.problem(m.at("include"), "the matrix has %d combinations; at most %d are allowed", len(list), MaxCombinations)
		return nil
	case len(list) == 0 && len(m.Exclude) > 0:
		d.problem(m.at("exclude"), "exclude removes every combination of the matrix")
	}
	return list
}

// product returns every combination of the values of the variables.
func (m *Matrix) product() []combination {
	if len(m.Variables) == 0 {
		return nil
	}
	list := []combination{{}}
	for _, v := range m.Variables {
		var next []combination
		for _, c := range list {
			for _, value := range v.Values {
				next = append(next, append(slices.Clone(c), variable{v.Name, value}))
			}
		}
		list = next
	}
	return list
}

// extend adds the other variables of an included combination to those in list that it matches. It
// reports whether it matches any.
func (m *Matrix) extend(d *decoder, list []combination, included combination) (matched bool) {
	var shared, extra combination
	for _, v := range included {
		if slices.ContainsFunc(m.Variables, func(x Variable) bool { return x.Name == v.name }) {
			shared = append(shared, v)
		} else {
			extra = append(extra, v)
		}
	}

	for i, c := range list {
		if !c.contains(shared) {
			continue
		}
		matched = true
		if len(c)+len(extra) > 2*maxMatrixNames {
			d.problem(m.at("include"), "a combination has more than %d variables", 2*maxMatrixNames)
			d.abort()
		}
		for _, v := range extra {
			c = slices.DeleteFunc(slices.Clone(c), func(old variable) bool { return old.name == v.name })
			c = append(c, v)
		}
		list[i] = c
	}
	return matched
}
