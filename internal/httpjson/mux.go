package httpjson

import "net/http"

// Mux answers with problem documents where [http.ServeMux] would with text: 404 and 405. Every path of mux is expected
// to name its method.
func Mux(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		if methods := taken(mux, r); len(methods) > 0 {
			MethodNotAllowed(w, r, methods...)
			return
		}
		Refuse(w, r, NoPage)
	})
}

// taken returns the methods that the path of r takes.
func taken(mux *http.ServeMux, r *http.Request) (methods []string) {
	for _, method := range []string{"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" {
			methods = append(methods, method)
		}
	}
	return methods
}
