package config

import (
	"fmt"
	"net/url"
	"strings"
)

// Storage says where runs and logs are stored. Tools need these settings without the others.
type Storage struct {
	DatabaseURL    string `default:"sqlite:///var/lib/yaci/yaci.db" env:"YACI_DATABASE_URL" help:"Database of runs: sqlite:///path/to/file, or postgres://user:password@host/database."`
	LogStoreShared bool   `env:"YACI_LOG_STORE_SHARED" help:"With Postgres: YACI_LOG_STORE is a volume that all servers share, or there is only one server."`
	LogStore       string `default:"/var/lib/yaci/logs" env:"YACI_LOG_STORE" help:"Storage of logs: a directory, s3://bucket?region=x, gs://bucket or azblob://container."`
}

// Problems returns a sentence for each problem of the settings.
func (s Storage) Problems() []string {
	u, err := url.Parse(s.DatabaseURL)
	switch {
	case s.DatabasePath() != "":
		return nil
	case err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") && (u.Host != "" || u.Query().Has("host")):
		if strings.Contains(s.LogStore, "://") || s.LogStoreShared {
			return nil
		}
		return []string{fmt.Sprintf(ownDirectory, s.LogStore)}
	case err == nil && u.User != nil:
		return []string{fmt.Sprintf(notADatabase, u.Redacted())}
	}
	return []string{fmt.Sprintf(notADatabase, s.DatabaseURL)}
}

const ownDirectory = "YACI_LOG_STORE is the directory %s, and with Postgres other servers cannot read what this one keeps there: write a bucket like s3://bucket?region=x. If all servers share the directory, or there is only this one, set YACI_LOG_STORE_SHARED=true."

const notADatabase = "YACI_DATABASE_URL is %q: write sqlite:///path/to/file or postgres://user:password@host/database."

// DatabasePath returns the file of a sqlite URL; "" for Postgres.
func (s Storage) DatabasePath() string {
	path, ok := strings.CutPrefix(s.DatabaseURL, "sqlite:")
	if !ok {
		return ""
	}
	return strings.TrimPrefix(path, "//")
}

// Database returns what to open: the file of a sqlite URL, or the URL of a Postgres database.
func (s Storage) Database() string {
	if path := s.DatabasePath(); path != "" {
		return path
	}
	return s.DatabaseURL
}
