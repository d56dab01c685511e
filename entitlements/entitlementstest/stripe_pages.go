package entitlementstest

import "net/http"

func (b *Biller) addPages(mux *http.ServeMux) {}
