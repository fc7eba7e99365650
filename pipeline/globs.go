package pipeline

import "strings"

// matchesOtherwise says why a glob matches nothing, or something else than its author meant, and what to write instead.
// A filter that silently never matches looks like a run that was skipped. what is the key: paths, branch, branches or
// tags.
func matchesOtherwise(what, glob string) string {
	switch {
	case strings.Contains(glob, "${{"):
		return "is taken as it is written: nothing is filled into patterns"
	case what != "paths" && (strings.HasPrefix(glob, "/") || strings.HasPrefix(glob, "^")):
		return "is no regular expression but a glob, and matches no name; write it like main, release/** or v[0-9]*"
	case strings.Contains(glob, "]+"):
		return "has a + that repeats nothing here and stands for itself; write * instead, like v[0-9]*.[0-9]*"
	case starsBesideLetters(glob):
		return "has ** beside other letters, where it crosses no slash; write ** between slashes, like **/*.go or release/**"
	case what != "paths":
		return neverARef(glob)
	case strings.HasPrefix(glob, "/"), strings.HasPrefix(glob, "./"), strings.HasPrefix(glob, "../"), glob == ".":
		return "matches no file: paths begin below the top of the repository; write them like src/** or go.mod"
	case strings.HasSuffix(glob, "/"):
		return "matches no file, only what is in a directory can change; write " + glob + "**"
	}
	return ""
}

// neverARef says why a glob matches no branch and no tag.
func neverARef(glob string) string {
	switch {
	case strings.HasPrefix(glob, "refs/heads/"), strings.HasPrefix(glob, "refs/tags/"):
		return "matches no name; write it without refs/heads/ or refs/tags/"
	case strings.ContainsAny(glob, " \t~:"):
		return "matches no name: none has a space, ~ or : in it; several patterns are a list, like [main, develop]"
	}
	return ""
}

// starsBesideLetters reports whether ** is not a whole part of a path, so that it is read as *. It is no regular
// expression, which would allocate for each pattern of a stranger's file.
func starsBesideLetters(glob string) bool {
	for i := 0; i+1 < len(glob); i++ {
		if glob[i:i+2] != "**" {
			continue
		}
		begins := i == 0 || strings.IndexByte(`/{,\`, glob[i-1]) >= 0
		ends := i+2 == len(glob) || strings.IndexByte("/},", glob[i+2]) >= 0
		if !begins || !ends {
			return true
		}
		i++
	}
	return false
}
