package funcs

import "math"

// Functions of degrees are exact where the result is: sind(30) is a half.

// sind is the sine of degrees.
func sind(x float64) float64 {
	x = math.Mod(x, 360)
	sign := 1.0
	if x < 0 {
		x, sign = -x, -sign
	}
	if x > 180 {
		x, sign = 360-x, -sign
	}
	if x > 90 {
		x = 180 - x
	}
	return sign * sindQuadrant(x)
}

// cosd is the cosine of degrees.
func cosd(x float64) float64 {
	x = math.Abs(math.Mod(x, 360))
	sign := 1.0
	if x > 180 {
		x = 360 - x
	}
	if x > 90 {
		x, sign = 180-x, -sign
	}
	return sign * sindQuadrant(90-x)
}

// sindQuadrant is the sine of 0 to 90 degrees, scaled so that it meets a half and
// one.
func sindQuadrant(x float64) float64 {
	radian := math.Pi / 180 // a variable: constants would be rounded once, at the end
	whole := func(x float64) float64 { return x * radian }
	if x <= 30 {
		return math.Sin(whole(x)) / math.Sin(whole(30)) / 2
	}
	return 1 - (1-math.Cos(whole(90-x)))/(1-math.Cos(whole(60)))/2
}

// quotient is a/b without a negative zero.
func quotient(a, b float64) float64 {
	if q := a / b; q != 0 {
		return q
	}
	return 0
}

// exactDegrees turns radians to degrees and meets multiples of 15 where it is
// within rounding of one.
func exactDegrees(x float64) float64 {
	d := x / (math.Pi / 180)
	if near := math.Round(d/15) * 15; math.Abs(d-near) <= 4e-14*math.Abs(near) {
		return near
	}
	return d
}
