// pgp makes keys for people, and opens what was encrypted to them.
//
//	pgp make NAME          prints the public key in base64 as `gpg --export | base64` does, and on the next line the private one
//	pgp open KEY MESSAGE   prints what the message holds; both in base64
package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"os"

	"github.com/ProtonMail/go-crypto/openpgp"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pgp:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "make":
		return generate(args[1])
	case len(args) == 3 && args[0] == "open":
		return open(args[1], args[2])
	}
	return fmt.Errorf("usage: pgp make NAME | pgp open KEY MESSAGE")
}

func generate(name string) error {
	entity, err := openpgp.NewEntity(name, "", name+"@example.com", nil)
	if err != nil {
		return err
	}
	var public, private bytes.Buffer
	if err := entity.SerializePrivate(&private, nil); err != nil {
		return err
	}
	if err := entity.Serialize(&public); err != nil {
		return err
	}
	fmt.Println(base64.StdEncoding.EncodeToString(public.Bytes()))
	fmt.Println(base64.StdEncoding.EncodeToString(private.Bytes()))
	return nil
}

func open(key, message string) error {
	secret, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		return err
	}
	ring, err := openpgp.ReadKeyRing(bytes.NewReader(secret))
	if err != nil {
		return err
	}
	sealed, err := base64.StdEncoding.DecodeString(message)
	if err != nil {
		return err
	}
	opened, err := openpgp.ReadMessage(bytes.NewReader(sealed), ring, nil, nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, opened.UnverifiedBody)
	return err
}
