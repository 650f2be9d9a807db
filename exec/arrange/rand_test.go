package arrange

import randv2 "math/rand/v2"

func randV2(seed int64) *randv2.Rand { return randv2.New(randv2.NewPCG(uint64(seed), 0)) }
