import fc from 'fast-check'

// Loaded before each test file of `npm run mutate`: a property sees the same values in each run, so that a mutant is
// killed in each run or in none. What it fails with is not made smaller: it is not shown.
fc.configureGlobal({ seed: 20_260_101, endOnFailure: true })
