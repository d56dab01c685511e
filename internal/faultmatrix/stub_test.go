package faultmatrix_test

var billing, entitling, erasing feature
