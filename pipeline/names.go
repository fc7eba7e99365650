package pipeline

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Title returns the name of a job as people see it, with the values of its matrix. It is "" for the
// only job of a file.
func (j *Job) Title() string {
	switch {
	case len(j.combination) == 0:
		return j.Name
	case j.Name == "":
		return j.combination.label()
	}
	return fmt.Sprintf("%s (%s)", j.Name, j.combination.label())
}

// title returns the name of step i, which has none of its own: the first line of its script, or its
// image and args.
func title(s *Step, i int) string {
	const maxTitleRunes = 60
	script := s.Run.Script
	switch {
	case s.Run.Args != nil:
		script = joinShort(s.Run.Args, " ")
	case script == "" && (s.Image != "" || s.Args != nil):
		script = strings.TrimSpace(joinShort(append([]string{s.Image}, s.Args...), " "))
	}
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if r := []rune(line[:min(len(line), maxLabelBytes)]); len(r) > maxTitleRunes {
			line = string(r[:maxTitleRunes-1]) + "…"
		}
		return oneLine(line)
	}
	return fmt.Sprintf("step %d", i+1)
}

// oneLine replaces control characters, such as line feeds, by spaces.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// inJob returns a job's name for problems, with a space before it.
func inJob(j *Job) string {
	if j.Name == "" {
		return ""
	}
	return fmt.Sprintf(" in job %q", j.Name)
}

// checkName reports a name that pages cannot show on one line. what is step, service or job.
func (d *decoder) checkName(n *yaml.Node, s, what string) {
	switch count := utf8.RuneCountInString(s); {
	case strings.TrimSpace(s) == "":
		d.problem(n, "the name of a %s is empty", what)
	case count > MaxNameRunes:
		d.problem(n, "the name of a %s has %d characters; at most %d are allowed", what, count, MaxNameRunes)
	case strings.ContainsFunc(s, unicode.IsControl):
		d.problem(n, "the name of a %s must be one line without control characters", what)
	}
}

// imageName matches references of images: a registry, a path, a tag and a digest, without spaces.
// It is weaker than the grammar of registries, and strong enough that a name cannot be an option.
var imageName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}$`)

// checkImage reports an invalid name of an image. An empty one is not reported, because the image
// may be set elsewhere.
func (d *decoder) checkImage(n *yaml.Node, s string) {
	if s != "" && !imageName.MatchString(s) {
		d.problem(n, "image %q is not the name of an image. Write for example golang:1.26", s)
	}
}

// checkImageIsSet checks an image that a step or a service names itself, and reports an empty one.
func (d *decoder) checkImageIsSet(n *yaml.Node, s string) {
	d.checkImage(n, s)
	isString := n.Tag == "!!str" && n.Kind == yaml.ScalarNode // if not, that is reported
	if s == "" && isString && !strings.Contains(n.Value, "${{") {
		d.problem(n, "image is empty. Write the name of an image, for example golang:1.26")
	}
}

// containerName returns a DNS-1123 label for a step or a service. It begins with the number, so that
// it is unique whatever people call things. kind is "" for a step and "s" for a service, so neither is
// ever named like the clone container.
func containerName(kind string, index int, name string) string {
	const maxLength = 50
	var b strings.Builder
	fmt.Fprintf(&b, "%s%d", kind, index+1)
	dash := true
	for _, r := range strings.ToLower(name) {
		if b.Len() >= maxLength {
			break
		}
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			if dash {
				b.WriteByte('-')
			}
			b.WriteRune(r)
			dash = false
		} else {
			dash = true
		}
	}
	return b.String()
}
