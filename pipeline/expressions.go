package pipeline

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// cutExpression splits a text around its first ${{ ... }}. expression is empty if there is none. It
// is not a regular expression, because that would use many times the memory, and strangers choose
// the text.
func cutExpression(text string) (before, expression, after string) {
	for offset := 0; ; {
		begin := strings.Index(text[offset:], "${{")
		if begin < 0 {
			return text, "", ""
		}
		begin += offset
		end := strings.IndexByte(text[begin:], '}')
		if end < 0 {
			return text, "", ""
		}
		end += begin
		if strings.HasPrefix(text[end:], "}}") {
			return text[:begin], text[begin : end+2], text[end+2:]
		}
		offset = end + 1
	}
}

// expressionBody returns what is between the braces of an expression: matrix.NAME.
func expressionBody(expression string) string {
	return strings.TrimSpace(expression[len("${{") : len(expression)-len("}}")])
}

// What expanding an expression costs, in bytes of maxExpandedBytes. An unknown name costs more,
// because it is compared with all others.
const (
	expressionCost  = 64
	unknownNameCost = 8 << 10
)

// charge takes n bytes from maxExpandedBytes. It aborts if none are left.
func (d *decoder) charge(n *yaml.Node, bytes int) {
	d.expandedBytes += bytes
	if d.expandedBytes > maxExpandedBytes {
		d.problem(n, "the expanded values of the matrix have more than %d bytes. "+
			"Use fewer combinations, or fewer or shorter texts with ${{ matrix... }}", maxExpandedBytes)
		d.abort()
	}
}

// expand replaces each ${{ matrix.NAME }} in a text by its value. There are no other expressions.
func (d *decoder) expand(text string, c combination, n *yaml.Node) string {
	if !strings.Contains(text, "${{") {
		return text
	}
	d.charge(n, len(text))
	var expanded strings.Builder
	for rest := text; ; {
		before, expression, after := cutExpression(rest)
		expanded.WriteString(before)
		if expression == "" {
			if i := strings.Index(before, "${{"); i >= 0 {
				d.problem(n, "%s cannot be expanded. Write ${{ matrix.NAME }}, with two closing braces; "+
					"there are no other expressions", before[i:])
			}
			return expanded.String()
		}
		expanded.WriteString(d.expandExpression(expression, c, n))
		rest = after
	}
}

// expandExpression returns the value of an expression, or "" after reporting a problem.
func (d *decoder) expandExpression(expression string, c combination, n *yaml.Node) string {
	name, ok := strings.CutPrefix(expressionBody(expression), "matrix.")
	d.charge(n, expressionCost)
	if !ok {
		d.problem(n, "%s cannot be expanded: only ${{ matrix.NAME }} can. Everything else is an environment variable",
			expression)
		return ""
	}

	var names []string
	for _, v := range c {
		if v.name == name {
			d.charge(n, len(v.value))
			return v.value
		}
		names = append(names, v.name)
	}
	d.charge(n, unknownNameCost)
	switch hint := suggestion(name, names); {
	case len(c) == 0:
		d.problem(n, "%s cannot be expanded: this job has no matrix", expression)
	case hint != "":
		d.problem(n, "the matrix has no variable %q%s", name, hint)
	default:
		d.problem(n, "the matrix has no variable %q in the combination (%s)", name, c.label())
	}
	return ""
}

// rejectExpression reports an expression in a command, which the shell or the program would get
// literally.
func (d *decoder) rejectExpression(n *yaml.Node, expression string, inMatrix bool) {
	const rule = "expressions are not expanded in scripts"
	context, name, _ := strings.Cut(expressionBody(expression), ".")
	switch context {
	case "matrix":
		if inMatrix {
			d.problem(n, rule+". Use \"$%s\" instead of %s", matrixEnvName(name), expression)
			return
		}
		d.problem(n, "%s: this job has no matrix, and "+rule, expression)
	case "secrets":
		d.problem(n, rule+". Write secrets: [%s] on the step, and use \"$%s\" instead of %s", name, name, expression)
	case "env", "vars", "inputs":
		d.problem(n, rule+". Set %s in env, and use \"$%s\" instead of %s", name, name, expression)
	case "github", "runner", "job", "steps", "needs", "strategy", "gitea", "forgejo":
		d.problem(n, rule+". Use variables such as \"$YACI_SHA\" or \"$YACI_BRANCH\" instead of %s", expression)
	}
}

// rejectExpressions reports expressions in a key of a service that is used literally.
func (d *decoder) rejectExpressions(n *yaml.Node, key string, list []string) {
	for _, s := range list {
		if _, expression, _ := cutExpression(s); expression != "" {
			d.problem(n, "%s is not expanded in the %s of a service. Write the value itself", expression, key)
		}
	}
}
