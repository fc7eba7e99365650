// Package config defines every setting of YACI in one documented struct. The command line fills it from flags and
// environment variables; no other package reads either. [Pods.Operator] and [Pods.ForkOperator] turn the settings of
// pods into what pipeline.Compile takes.
package config
