// alloy-check reads configurations of Grafana Alloy with Alloy's own parser, and says of each what is wrong.
package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/grafana/alloy/syntax/ast"
	"github.com/grafana/alloy/syntax/diag"
	"github.com/grafana/alloy/syntax/parser"
	"github.com/grafana/alloy/syntax/printer"
)

func main() {
	failed := false
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// A configuration is right when it parses, and is written as Alloy's own formatter writes it.
func check(path string) error {
	source, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(path, source)
	if err != nil {
		return located(err)
	}
	names := map[string]bool{}
	for _, statement := range file.Body {
		if block, ok := statement.(*ast.BlockStmt); ok {
			name := block.GetBlockName() + " " + block.Label
			if names[name] {
				return fmt.Errorf("there are two of %s", name)
			}
			names[name] = true
		}
	}
	var formatted bytes.Buffer
	if err := printer.Fprint(&formatted, file); err != nil {
		return err
	}
	if written, canonical := bytes.TrimSpace(source), bytes.TrimSpace(formatted.Bytes()); !bytes.Equal(written, canonical) {
		return fmt.Errorf("Alloy would write it so:\n%s", canonical)
	}
	return nil
}

func located(err error) error {
	if all, ok := err.(diag.Diagnostics); ok {
		return fmt.Errorf("%s", all.Error())
	}
	return err
}
