package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// setHome gives the step's processes a HOME that they can write to, unless the
// image or the file has named one, and the names of their user. own says that
// the file names it: then it stays whatever it is.
func setHome(homes string, own bool) error {
	uid := os.Geteuid()
	home := os.Getenv("HOME")
	if !own && !usableHome(home) {
		dir, err := privateHome(homes, uid)
		if err != nil {
			return err
		}
		if err := os.Setenv("HOME", dir); err != nil {
			return err
		}
	}
	name := userName("/etc/passwd", uid)
	for _, key := range []string{"USER", "LOGNAME"} {
		if os.Getenv(key) != "" {
			continue
		}
		if err := os.Setenv(key, name); err != nil {
			return err
		}
	}
	return nil
}

// usableHome reports whether a step can keep files in a directory. / is none,
// even for root: it is what a runtime sets for users whom the image does not know.
func usableHome(dir string) bool {
	if !filepath.IsAbs(dir) || filepath.Clean(dir) == "/" {
		return false
	}
	const writeAndSearch = 0o3 // W_OK | X_OK
	info, err := os.Stat(dir)
	return err == nil && info.IsDir() && syscall.Access(dir, writeAndSearch) == nil
}

// privateHome returns the home of a user that the steps of the job share. Others
// cannot read it. The directory of all homes is sticky and everybody's, so a
// step of another user may have taken the name: then the home is a new one.
func privateHome(homes string, uid int) (string, error) {
	dir := filepath.Join(homes, strconv.Itoa(uid))
	err := os.Mkdir(dir, 0o700)
	if err != nil && !os.IsExist(err) {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err == nil && info.IsDir() && ownerOf(info) == uid {
		return dir, nil
	}
	return os.MkdirTemp(homes, strconv.Itoa(uid)+"-")
}

// userName is the name of a user in a passwd file, or a neutral one.
func userName(passwd string, uid int) string {
	if f, err := os.Open(passwd); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			fields := strings.Split(lines.Text(), ":")
			if len(fields) > 2 && fields[2] == strconv.Itoa(uid) && fields[0] != "" {
				return fields[0]
			}
		}
	}
	if uid == 0 {
		return "root"
	}
	return "yaci"
}
