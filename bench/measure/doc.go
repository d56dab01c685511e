// Package measure times contenders in turn and sums up what came out. It knows neither what they do nor how the
// figures are shown.
package measure
