"""Clients with a fixed address, or that build https:// themselves: python tls_clients.py <way> <broker> <token> <page> <sitekey>

way: address (2captcha-python), proxy (HTTPS_PROXY is set), name (the services' names are the broker's, as /etc/hosts would have it).
"""
import json, os, socket, sys, warnings

way, broker, token, page, sitekey = sys.argv[1:6]
warnings.filterwarnings("ignore")
# With a proxy whose password is the token, clients may have any key.
key = token if way != "proxy" else "0" * 32
if way == "name":
    host, port = broker.split(":")
    original = socket.getaddrinfo
    socket.getaddrinfo = lambda name, *rest, **more: original(host, int(port), *rest[1:], **more)


def two_captcha():
    from twocaptcha import TwoCaptcha

    solver = TwoCaptcha(key, server=broker, pollingInterval=0) if way == "address" else TwoCaptcha(key, pollingInterval=0)
    return solver.recaptcha(sitekey=sitekey, url=page)["code"]


def anticaptchaofficial():
    from anticaptchaofficial.recaptchav2proxyless import recaptchaV2Proxyless

    solver = recaptchaV2Proxyless()
    solver.set_verbose(0)
    solver.set_key(key)
    return solver.get_balance()


def capmonster_python():
    from capmonster_python import CapmonsterClient

    return CapmonsterClient(api_key=key).get_balance()


def python3_anticaptcha():
    from python3_anticaptcha.control import Control

    return Control(api_key=key).get_balance()["balance"]


def python3_capsolver():
    from python3_capsolver.control import Control

    return Control(api_key=key).get_balance()["balance"]


def python_rucaptcha():
    from python_rucaptcha.control import Control

    return Control(rucaptcha_key=key, action="getBalance").getBalance()["balance"]


def python_rucaptcha_form():
    from python_rucaptcha.captchaai import CaptchaAI

    return CaptchaAI(rucaptcha_key=key, method="userrecaptcha").get_balance()


def unicaps():
    from unicaps import CaptchaSolver, CaptchaSolvingService

    with CaptchaSolver(CaptchaSolvingService.ANTI_CAPTCHA, key) as solver:
        return solver.get_balance()


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
