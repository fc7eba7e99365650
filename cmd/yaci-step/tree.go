package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// The functions in this file change the owners and modes of a whole tree, which a repository and the
// processes of steps have filled. They descend with os.Root, one directory at a time, so that no
// symlink leads them elsewhere, and open only regular files and directories. Hard links cannot lead
// elsewhere either, because the workspace is a mount of its own.

// maxTreeDepth limits the depth, because each level holds a file descriptor.
const maxTreeDepth = 2000

// errTooDeep says that a part of the tree was not changed.
var errTooDeep = fmt.Errorf("directories nested more than %d deep were left as they are", maxTreeDepth)

// visit calls f for every entry below a directory, children before their directory. It continues
// after an error and returns the first one. An entry that disappears meanwhile is not an error.
func visit(dir string, f func(parent *os.Root, e fs.DirEntry) error) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return visitRoot(root, maxTreeDepth, f)
}

// visitRoot is visit for an open directory. Below depth levels, directories are reported and not
// entered.
func visitRoot(root *os.Root, depth int, f func(parent *os.Root, e fs.DirEntry) error) (first error) {
	keep := func(err error) {
		if first == nil && !errors.Is(err, fs.ErrNotExist) {
			first = err
		}
	}
	entries, err := readDir(root)
	keep(err)
	for _, e := range entries {
		if e.IsDir() && depth == 0 {
			keep(errTooDeep)
			continue
		}
		if e.IsDir() {
			sub, err := root.OpenRoot(e.Name())
			if err == nil {
				err = visitRoot(sub, depth-1, f)
				sub.Close()
			}
			keep(err)
		}
		keep(f(root, e))
	}
	return first
}

// readDir returns the entries of an open directory, unsorted.
func readDir(root *os.Root) ([]fs.DirEntry, error) {
	d, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.ReadDir(-1)
}

// openDirectories lets every user write to the directories of a tree, so that the first step can
// take the tree over, whatever its user is.
func openDirectories(dir string) error {
	err := visit(dir, func(parent *os.Root, e fs.DirEntry) error {
		if !e.IsDir() {
			return nil
		}
		return parent.Chmod(e.Name(), 0o777)
	})
	return errors.Join(err, os.Chmod(dir, 0o777))
}

// chownTree gives a tree to a user. With gitModes, directories get the mode that git gives them,
// 755, after openDirectories. Only root can do this.
func chownTree(dir string, uid, gid int, gitModes bool) error {
	err := visit(dir, func(parent *os.Root, e fs.DirEntry) error {
		err := parent.Lchown(e.Name(), uid, gid)
		if err == nil && gitModes && e.IsDir() {
			err = parent.Chmod(e.Name(), 0o755)
		}
		return err
	})
	err = errors.Join(err, os.Lchown(dir, uid, gid))
	if gitModes {
		err = errors.Join(err, os.Chmod(dir, 0o755))
	}
	return err
}

// shareTree lets every user read and write what a user owns in a tree, and enter or execute it if
// its owner can.
func shareTree(dir string, uid int) error {
	share := func(mode fs.FileMode) fs.FileMode {
		if mode.IsDir() || mode.Perm()&0o111 != 0 {
			return mode.Perm() | 0o777
		}
		return mode.Perm() | 0o666
	}
	err := visit(dir, func(parent *os.Root, e fs.DirEntry) error {
		if !e.IsDir() && !e.Type().IsRegular() {
			return nil
		}
		info, err := parent.Lstat(e.Name())
		if err != nil || ownerOf(info) != uid || share(info.Mode()) == info.Mode().Perm() {
			return err
		}
		return parent.Chmod(e.Name(), share(info.Mode()))
	})
	info, statErr := os.Lstat(dir)
	if statErr == nil && ownerOf(info) == uid {
		err = errors.Join(err, os.Chmod(dir, share(info.Mode())))
	}
	return err
}

// ownerOf returns the user id of a file's owner, or -1.
func ownerOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

// copyTree makes the caller the owner of a tree without the right to chown: it replaces each file
// by a copy and each directory by a new one. It runs after openDirectories and before any command
// of a step. The object stores of git and Git LFS are moved instead: nobody changes the files in
// them, and git does not check their owner. The directory itself stays, because it is a mount.
func copyTree(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	staging := fmt.Sprintf(".yaci-%d", time.Now().UnixNano()) // a name that no commit can have foreseen
	if err := root.Mkdir(staging, 0o755); err != nil {
		return err
	}
	staged, err := root.OpenRoot(staging)
	if err != nil {
		return err
	}
	defer staged.Close()
	if err := copyInto(root, staged, staging, maxTreeDepth, false); err != nil {
		return err
	}
	entries, err := readDir(staged)
	for _, e := range entries {
		err = errors.Join(err, root.Rename(staging+"/"+e.Name(), e.Name()))
	}
	return errors.Join(err, root.Remove(staging))
}

// copyInto replaces every entry of root, except to, by a copy in the subdirectory to, which staged
// is open on. inGit says that root is inside a .git.
func copyInto(root, staged *os.Root, to string, depth int, inGit bool) error {
	entries, err := readDir(root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		target := to + "/" + name
		switch {
		case name == to:
			continue
		case e.IsDir() && inGit && name == "objects", !e.IsDir() && !e.Type().IsRegular():
			err = root.Rename(name, target)
		case e.IsDir() && depth == 0:
			err = errTooDeep
		case e.IsDir():
			err = replaceDir(root, name, to, depth, inGit || name == ".git")
		default:
			err = replaceFile(root, staged, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// replaceDir replaces a directory and everything below it. The new one is made inside the old one,
// under the name that to has, and then moved into to.
func replaceDir(root *os.Root, name, to string, depth int, inGit bool) error {
	staging := to
	sub, err := root.OpenRoot(name)
	if err != nil {
		return err
	}
	defer sub.Close()
	if err := sub.Mkdir(staging, 0o755); err != nil {
		return err
	}
	staged, err := sub.OpenRoot(staging)
	if err != nil {
		return err
	}
	err = copyInto(sub, staged, staging, depth-1, inGit)
	if err = errors.Join(err, staged.Close()); err != nil {
		return err
	}
	if err := root.Rename(name+"/"+staging, to+"/"+name); err != nil {
		return err
	}
	return root.Remove(name)
}

// replaceFile copies a file with its mode and time, which git's index contains, and removes the
// original.
func replaceFile(root, staged *os.Root, name string) error {
	in, err := root.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := staged.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	at := syscall.NsecToTimeval(info.ModTime().UnixNano())
	err = errors.Join(
		err,
		out.Chmod(info.Mode().Perm()),
		syscall.Futimes(int(out.Fd()), []syscall.Timeval{at, at}),
		out.Close(),
	)
	if err != nil {
		return err
	}
	return root.Remove(name)
}
