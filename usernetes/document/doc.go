// Package document merges YAML documents and looks into them.
package document
