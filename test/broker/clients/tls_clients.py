"""Clients with a fixed address, or that build https:// themselves: python tls_clients.py <way> <broker> <token> <page> <sitekey>

way: address (2captcha-python), proxy (HTTPS_PROXY is set), name (the services' names are the broker's, as /etc/hosts would have it).
"""
import json, socket, sys, time, warnings

way, broker, token, page, sitekey = sys.argv[1:6]
warnings.filterwarnings("ignore")
# With a proxy whose password is the token, clients may have any key.
key = token if way != "proxy" else "0" * 32
if way == "name":
    host, port = broker.split(":")
    original = socket.getaddrinfo
    socket.getaddrinfo = lambda name, *rest, **more: original(host, int(port), *rest[1:], **more)


# Some clients wait for seconds before the first poll. The answer is there before.
sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 0.05))


def two_captcha():
    from twocaptcha import TwoCaptcha

    solver = TwoCaptcha(key, server=broker, pollingInterval=0) if way == "address" else TwoCaptcha(key, pollingInterval=0)
    return solver.recaptcha(sitekey=sitekey, url=page)["code"]


def anticaptchaofficial():
    from anticaptchaofficial.recaptchav2proxyless import recaptchaV2Proxyless

    solver = recaptchaV2Proxyless()
    solver.set_verbose(0)
    solver.set_key(key)
    solver.set_website_url(page)
    solver.set_website_key(sitekey)
    return solver.get_balance(), solver.solve_and_return_solution()


def capmonster_python():
    from capmonster_python import CapmonsterClient, RecaptchaV2Task

    client = CapmonsterClient(api_key=key)
    task = client.create_task(RecaptchaV2Task(websiteURL=page, websiteKey=sitekey))
    return client.get_balance(), client.join_task_result(task)["gRecaptchaResponse"]


def python3_anticaptcha():
    from python3_anticaptcha.control import Control
    from python3_anticaptcha.recaptcha_v2 import ReCaptchaV2

    solver = ReCaptchaV2(
        api_key=key, captcha_type="RecaptchaV2TaskProxyless", websiteURL=page, websiteKey=sitekey, sleep_time=1
    )
    solution = solver.captcha_handler()["solution"]
    return Control(api_key=key).get_balance()["balance"], solution["gRecaptchaResponse"]


def python3_capsolver():
    from python3_capsolver.control import Control
    from python3_capsolver.core.enum import CaptchaTypeEnm
    from python3_capsolver.recaptcha import ReCaptcha

    solver = ReCaptcha(api_key=key, captcha_type=CaptchaTypeEnm.ReCaptchaV2TaskProxyLess, sleep_time=1)
    solution = solver.captcha_handler(task_payload={"websiteURL": page, "websiteKey": sitekey})["solution"]
    return Control(api_key=key).get_balance()["balance"], solution["gRecaptchaResponse"]


def python_rucaptcha():
    from python_rucaptcha.control import Control
    from python_rucaptcha.re_captcha import ReCaptcha

    solver = ReCaptcha(rucaptcha_key=key, websiteURL=page, websiteKey=sitekey, sleep_time=1)
    solution = solver.captcha_handler()["solution"]
    return Control(rucaptcha_key=key, action="getBalance").getBalance()["balance"], solution["gRecaptchaResponse"]


def python_rucaptcha_form():
    from python_rucaptcha.captchaai import CaptchaAI

    params = {"googlekey": sitekey, "pageurl": page}
    solver = CaptchaAI(rucaptcha_key=key, method="userrecaptcha", params=params, sleep_time=1)
    return float(solver.get_balance()["balance"]), solver.captcha_handler()["solution"]["request"]


def unicaps():
    from unicaps import CaptchaSolver, CaptchaSolvingService

    with CaptchaSolver(CaptchaSolvingService.ANTI_CAPTCHA, key) as solver:
        solved = solver.solve_recaptcha_v2(site_key=sitekey, page_url=page)
        return solver.get_balance(), str(solved.solution)


clients = [two_captcha]
if way != "address":
    clients += [anticaptchaofficial, capmonster_python, python3_anticaptcha, python3_capsolver, python_rucaptcha]
    clients += [python_rucaptcha_form, unicaps]
result = {}
for client in clients:
    try:
        result[client.__name__] = client()
    except Exception as error:
        result[client.__name__] = f"{type(error).__name__}: {error}"
print(json.dumps(result))
