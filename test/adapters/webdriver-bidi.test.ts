import { contract } from './contract.js'
import { seleniumTool } from './selenium.js'
import { waitContract } from './wait-contract.js'

const selenium = seleniumTool({ bidi: true })

contract(selenium)
waitContract(selenium)
